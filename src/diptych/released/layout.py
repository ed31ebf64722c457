"""Layouts of foreign weights: how each is recognised, which network of ours it is, and the paths of its modules.

A foreign file has our network's tensors under other module paths; ``weight``, ``bias`` and ``running_mean`` have the same names
everywhere. A layout is therefore a table of module paths.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from diptych.errors import DiptychError
from diptych.tables import from_table

Tensors = dict[str, Tensor]
Modules = dict[str, str]
"""Our module's path to theirs."""


def unchanged(tensors: Tensors) -> Tensors:
    return tensors


@dataclass(frozen=True)
class GivenArguments:
    """Arguments of our networks that a file does not contain and a user may give."""

    classes: int = 0
    boundary: bool = False
    depth: Literal["normal", "more", "most"] = "normal"
    size: tuple[int, int] = (256, 256)
    features: int = 0
    encoder_width: int = 64
    dropout: tuple[int, ...] = ()
    dropout_at_test: bool = True
    statistics: Literal["picture", "running"] = "picture"


def checked_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those that were given, with lists for tuples, as on a card.

    Raises:
        UsageError: for an unknown key or a wrong type.
    """
    checked = from_table(GivenArguments, given)
    values = {name: getattr(checked, name) for name in given}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


RUNNING = ("running_mean", "running_var", "num_batches_tracked")


def without_running(tensors: Tensors) -> Tensors:
    """Drop the running statistics of norms without a weight (instance norm), which torch before 0.4 wrote."""

    def unused(name: str) -> bool:
        module, _, leaf = name.rpartition(".")
        return leaf in RUNNING and f"{module}.weight" not in tensors

    return {name: tensor for name, tensor in tensors.items() if not unused(name)}


@dataclass(frozen=True)
class Layout:
    """One network of one project."""

    name: str
    description: str
    recognises: Callable[[Tensors], bool]
    arguments: Callable[[Tensors, Mapping[str, Any]], dict[str, Any]]
    """Arguments of our network, from the tensors' shapes and the arguments that the user gave."""
    modules: Callable[[Mapping[str, Any]], Modules]
    network: str = ""
    """The name of a generator in NETWORKS; empty for encoders and discriminators."""
    tested_at: tuple[int, int] | None = None
    """The (height, width) to which that project resizes pictures at test time; None: our ``size`` argument, or unknown."""
    encoder: str = ""
    """The layout of the encoder of a generator with styles."""
    tidy: Callable[[Tensors], Tensors] = without_running
    """Renames variants of the same file to the names that ``modules`` uses."""
    to_ours: Callable[[Tensors], Tensors] = unchanged
    """Applied after renaming, where our network computes something differently."""
    to_theirs: Callable[[Tensors], Tensors] = unchanged


def renamed(tensors: Tensors, modules: Mapping[str, str]) -> Tensors:
    """Tensors with the paths of their modules replaced by ``modules``.

    Raises:
        DiptychError: when a tensor's module is not in the table.
    """
    found: Tensors = {}
    for name, tensor in tensors.items():
        module, _, leaf = name.rpartition(".")
        if module not in modules:
            raise DiptychError(f"the tensor {name} has no place in this layout; is the file of another network?")
        found[f"{modules[module]}.{leaf}"] = tensor
    return found


SPELLINGS = {
    "parametrizations.weight.original": "weight",
    "parametrizations.weight.0._u": "weight_u",
    "parametrizations.weight.0._v": "weight_v",
    "weight_orig": "weight",
}
"""Names of spectral normalisation's tensors in the versions of torch."""


def spectral_names(tensors: Tensors) -> Tensors:
    """Rename spectral normalisation's tensors of every version of torch to weight, weight_u and weight_v."""
    found: Tensors = {}
    for name, tensor in tensors.items():
        if f"{name}_orig" in tensors:
            continue  # the normalised weight, which some versions saved too
        old = next((old for old in SPELLINGS if name.endswith(f".{old}")), "")
        found[name.removesuffix(old) + SPELLINGS[old] if old else name] = tensor
    for name in [name for name in found if name.endswith(".weight_u")]:
        stem = name.removesuffix("_u")
        if f"{stem}_v" not in found:  # older versions did not save the second vector
            vector = found[stem].flatten(1).mT @ found[name]
            found[f"{stem}_v"] = vector / vector.norm().clamp(min=1e-12)
    return found


def spectral_back(tensors: Tensors) -> Tensors:
    """Rename to torch's names of that time: weight_orig, weight_u, weight_v."""
    normed = {name.removesuffix("_u") for name in tensors if name.endswith(".weight_u")}
    return {f"{name}_orig" if name in normed else name: tensor for name, tensor in tensors.items()}


def count(tensors: Tensors, pattern: str) -> int:
    """How many tensors are named ``pattern.format(n)`` for n = 0, 1, 2, ... without a gap."""
    return next(number for number in itertools.count() if pattern.format(number) not in tensors)


def choose(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the names that were given."""
    return {name: given[name] for name in names if name in given}


def labels(channels: int, given: Mapping[str, Any], features: int = 0) -> dict[str, Any]:
    """The parts of a generator's input channels: classes, one for unknown pixels, one for boundaries.

    Raises:
        DiptychError: when the given parts do not add up to the file's channels.
    """
    channels -= features
    boundary = bool(given.get("boundary", False))
    classes = int(given.get("classes", channels - boundary))
    unknown = channels - boundary - classes
    if unknown not in (0, 1):
        raise DiptychError(
            f"the generator takes {channels} channels, and {classes} classes{' and a boundary' if boundary else ''} do not make "
            f"that up; give classes={channels - boundary}, or {channels - boundary - 1} with one for what is unknown."
        )
    return {"classes": classes, "unknown": bool(unknown), "boundary": boundary}
