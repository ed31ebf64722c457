"""Other projects' published weights, to ours and back: recognised by their tensors' names, sizes read off their shapes.

Nothing is unpickled but tensors: a file that wants to run code is refused.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from diptych.errors import DiptychError, UsageError
from diptych.released import junyanz, pix2pixhd, spade, srresnet
from diptych.released.layout import Layout, Tensors, renamed
from diptych.tables import closest

LAYOUTS: dict[str, Layout] = {
    layout.name: layout for family in (junyanz, pix2pixhd, spade, srresnet) for layout in family.LAYOUTS
}


@dataclass(frozen=True)
class Imported:
    """Weights under our names, and with which arguments our network is to be built."""

    layout: Layout
    arguments: dict[str, Any]
    tensors: Tensors


def opened(path: Path) -> Tensors:
    """The tensors of a checkpoint, whatever is wrapped around them.

    Raises:
        DiptychError: for a file that is none, is damaged, or wants to run code.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise DiptychError(
            f"{path} holds more than tensors, or is no checkpoint: it would have to run code to be read, and that is refused. "
            f"Save its state_dict() alone, with torch.save."
        ) from None
    except FileNotFoundError:
        raise DiptychError(f"{path} is not there.") from None
    except Exception as problem:  # damaged archives throw anything
        words = (str(problem).splitlines() or [type(problem).__name__])[0][:120]
        raise DiptychError(f"{path} is no checkpoint, or a damaged one ({words}).") from None
    for key in ("state_dict", "model", "params", "params_ema"):
        if isinstance(content, dict) and isinstance(content.get(key), Mapping):
            content = content[key]
    if (
        not isinstance(content, Mapping)
        or not all(isinstance(value, Tensor) for value in content.values())
        or not content
    ):
        raise DiptychError(f"{path} holds no table of tensors; save a state_dict().")
    tensors = {str(name): tensor for name, tensor in content.items()}
    for prefix in ("module.", "_orig_mod."):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def recognised(tensors: Tensors, path: Path | str = "the file") -> Layout:
    """The layout that the tensors have.

    Raises:
        DiptychError: when it is none that is known.
    """
    found = [layout for layout in LAYOUTS.values() if layout.recognises(tensors)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(LAYOUTS)
    names = ", ".join(layout.name for layout in found) or "none"
    raise DiptychError(f"{path}: its layout is not clear ({names} of {known}); say which with --as.")


def imported(path: Path, layout: str = "", given: Mapping[str, Any] | None = None) -> Imported:
    """Read a foreign checkpoint.

    Args:
        path: the file.
        layout: its name in LAYOUTS; recognised where it is not given.
        given: arguments of our network that a file does not tell, such as ``classes``, ``boundary``, ``depth``.

    Raises:
        DiptychError: when the file cannot be read or does not fit the layout.
        UsageError: for a layout that is unknown.
    """
    if layout and layout not in LAYOUTS:
        raise UsageError(f'there is no layout "{layout}"{closest(layout, LAYOUTS)}; choose from {", ".join(LAYOUTS)}.')
    tensors = opened(path)
    chosen = LAYOUTS[layout] if layout else recognised(tensors, path)
    try:
        tensors = chosen.tidy(tensors)
        arguments = chosen.arguments(tensors, given or {})
        table = {theirs: ours for ours, theirs in chosen.modules(arguments).items()}
        return Imported(chosen, arguments, chosen.inward(renamed(tensors, table)))
    except (KeyError, IndexError, ValueError) as problem:
        raise DiptychError(f"{path} is not {chosen.words}: {problem} is missing or odd.") from None


def exported(tensors: Tensors, arguments: Mapping[str, Any], layout: str) -> Tensors:
    """Our weights under the names of a foreign layout; the way back of ``imported``."""
    chosen = LAYOUTS[layout]
    return chosen.outward(renamed(tensors, chosen.modules(arguments)))


__all__ = ["LAYOUTS", "Imported", "Layout", "exported", "imported", "opened", "recognised"]
