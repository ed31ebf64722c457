"""Conversion of other projects' published weights to ours and back. Tensor names determine the layout, shapes the sizes.

Nothing but tensors is unpickled; a file that would run code is refused.
"""

import inspect
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from diptych.errors import DiptychError, UsageError
from diptych.files import named_in_utf8, require_regular_file
from diptych.networks import NETWORKS
from diptych.released import cut, junyanz, pix2pixhd, spade, srresnet
from diptych.released.layout import Layout, Tensors, checked_arguments, renamed
from diptych.tables import no_such

LAYOUTS: dict[str, Layout] = {
    layout.name: layout for family in (junyanz, cut, pix2pixhd, spade, srresnet) for layout in family.LAYOUTS
}


@dataclass(frozen=True)
class Imported:
    """Weights under our names, and the arguments of our network."""

    layout: Layout
    arguments: dict[str, Any]
    tensors: Tensors


def read_tensors(path: Path) -> Tensors:
    """The tensors of a checkpoint, also inside ``state_dict``, ``model`` or ``params``.

    Raises:
        DiptychError: for a file that is no checkpoint, is damaged, or would run code.
    """
    content = read_file(path)
    for key in ("state_dict", "model", "params", "params_ema"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    values = content.values() if isinstance(content, Mapping) else ()
    if not values or not all(isinstance(value, Tensor) and value.layout == torch.strided for value in values):
        raise DiptychError(f"{path} holds no table of tensors; save a state_dict().")
    return {re.sub(r"^(module\.|_orig_mod\.)+", "", str(name)): tensor for name, tensor in content.items()}


def read_file(path: Path) -> Any:
    """The content of a file, read without running code."""
    require_regular_file(path)
    try:
        if path.suffix == ".safetensors":
            with named_in_utf8(path) as named:
                return safetensors.torch.load_file(named)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about TorchScript, which is refused
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DiptychError(f"{path} is not there.") from None
    except Exception as problem:  # damaged archives raise many types
        raise DiptychError(f"{path} {why_unreadable(problem)}.") from None


def why_unreadable(problem: Exception) -> str:
    """Why a file could not be read, as the end of a sentence."""
    reason = (str(problem).splitlines() or [""])[0][:120]
    if "TorchScript" in str(problem):
        return "is TorchScript, which is a program; save its state_dict() alone, with torch.save"
    pickled = isinstance(problem, pickle.UnpicklingError)
    if pickled and any(sign in str(problem) for sign in ("GLOBAL", "operand 149")):  # the latter is of a plain pickle
        refused = "holds more than tensors: it would have to run code to be read, and that is refused."
        return f"{refused} Save its state_dict() alone, with torch.save"
    detail = f" ({reason})" if " " in reason and "eights only" not in reason else ""
    return f"is no checkpoint, or a damaged one{detail}"


def recognise(tensors: Tensors, path: Path | str = "the file") -> Layout:
    """The layout of the tensors, by their names.

    Raises:
        DiptychError: when none or more than one fits.
    """
    found = [layout for layout in LAYOUTS.values() if layout.recognises(tensors)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(LAYOUTS)
    names = ", ".join(layout.name for layout in found) or "none"
    raise DiptychError(f"{path}: its layout is not clear ({names} of {known}); say which with --as.")


def layout_named(layout: str) -> Layout:
    if layout not in LAYOUTS:
        raise no_such("layout", layout, LAYOUTS)
    return LAYOUTS[layout]


def choose_layout(layout: str, tensors: Tensors, path: Path) -> Layout:
    """The layout of that name; without a name, the one that the tensors have."""
    return layout_named(layout) if layout else recognise(tensors, path)


def import_weights(path: Path, layout: str = "", given: Mapping[str, Any] | None = None) -> Imported:
    """Read a foreign checkpoint.

    Args:
        path: the file.
        layout: its name in LAYOUTS; by default, the one that the tensors have.
        given: arguments of our network that the file does not contain, such as ``classes``, ``boundary``, ``depth``.

    Raises:
        DiptychError: when the file cannot be read or does not fit the layout.
        UsageError: for an unknown layout, an unknown argument, or one that contradicts the file.
    """
    tensors = read_tensors(path)
    return convert(choose_layout(layout, tensors, path), tensors, given or {}, path)


def convert(layout: Layout, tensors: Tensors, given: Mapping[str, Any], path: Path) -> Imported:
    """The tensors of ``path`` under our names."""
    known = checked_arguments(given)
    try:
        tensors = layout.tidy(tensors)
        arguments = layout.arguments(tensors, known)
        table = {theirs: ours for ours, theirs in layout.modules(arguments).items()}
        found = Imported(layout, arguments, layout.to_ours(renamed(tensors, table)))
    except KeyError as problem:
        raise DiptychError(f"{path} is not {layout.description}: {problem.args[0]} is missing.") from None
    except (IndexError, ValueError, ArithmeticError, RuntimeError) as problem:
        raise DiptychError(f"{path} is not {layout.description}: names or shapes are odd ({problem}).") from None
    for name, value in known.items():
        if name not in arguments:
            raise UsageError(f'"{name}" is no argument of {layout.description}; leave it out.')
        if arguments[name] != value:
            raise UsageError(f'"{name}" cannot be {value}; in {path} it is {arguments[name]}.')
    return found


def export_weights(tensors: Tensors, arguments: Mapping[str, Any], layout: str) -> Tensors:
    """Our weights under the names of a foreign layout, the inverse of ``import_weights``.

    Args:
        tensors: of a network. Of one with an encoder, the layout selects the generator or the encoder.
        arguments: the network's, as on a card.
        layout: a name in LAYOUTS.

    Raises:
        DiptychError: when the layout does not fit such a network.
        UsageError: for an unknown layout.
    """
    foreign = layout_named(layout)
    inner = {name.removeprefix("encoder."): t for name, t in tensors.items() if name.startswith("encoder.")}
    if foreign.network:
        tensors = {name: t for name, t in tensors.items() if not name.startswith(("encoder.", "styles."))}
        arguments = defaults(foreign.network) | dict(arguments)
        if not arguments.get("skips", True):
            raise DiptychError(f"{foreign.description} has skips, and this network has none.")
    else:
        tensors = inner or tensors
    try:
        return foreign.to_theirs(renamed(tensors, foreign.modules(arguments)))
    except KeyError as problem:
        raise DiptychError(
            f"{foreign.description} needs {problem.args[0]}, which these arguments or tensors lack."
        ) from None


def defaults(network: str) -> dict[str, Any]:
    """The default arguments of a network, which a card may lack."""
    parameters = inspect.signature(NETWORKS[network]).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}


imported, exported = import_weights, export_weights  # as scripts from before know them
