"""What a layout of foreign weights is: how it is recognised, which network of ours it is, and how modules are called there.

A foreign file and our network agree in their tensors but for the names, and names agree but for the path of the module:
``weight``, ``bias`` and ``running_mean`` are everywhere the same. So a layout is a table of module paths.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from diptych.errors import DiptychError
from diptych.networks import NetworkSpec
from diptych.tables import from_table

Tensors = dict[str, Tensor]
Modules = dict[str, str]
"""Our module's path to theirs."""


def as_they_are(tensors: Tensors) -> Tensors:
    return tensors


@dataclass(frozen=True)
class GivenArguments:
    """What a file does not tell of a network and a user may: arguments of ours, each with its type."""

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
    """Those that were given, with lists for tuples, as a card has them.

    Raises:
        UsageError: for an unknown key or a wrong type.
    """
    checked = from_table(GivenArguments, given)
    values = {name: getattr(checked, name) for name in given}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True)
class Layout:
    """One network of one project."""

    name: str
    description: str
    recognises: Callable[[Tensors], bool]
    arguments: Callable[[Tensors, Mapping[str, Any]], dict[str, Any]]
    """Plain arguments of our network, read off the shapes; what they do not tell is in the given overrides."""
    modules: Callable[[Mapping[str, Any]], Modules]
    network: str = ""
    """The name in NETWORKS of a generator; empty for what translates nothing by itself."""
    tested_at: Callable[[Mapping[str, Any]], tuple[int, int]] | None = None
    """To which (height, width) that project stretches a picture before it tests, by our arguments; None: it does not say."""
    encoder: str = ""
    """The layout of the encoder that a generator with styles needs."""
    tidy: Callable[[Tensors], Tensors] = as_they_are
    """Other spellings of the same file, to the one that ``modules`` knows."""
    to_ours: Callable[[Tensors], Tensors] = as_they_are
    """After renaming: what our network computes otherwise."""
    to_theirs: Callable[[Tensors], Tensors] = as_they_are

    def spec(self, arguments: dict[str, Any]) -> NetworkSpec:
        return NetworkSpec(self.network, arguments)


def renamed(tensors: Tensors, modules: Mapping[str, str]) -> Tensors:
    """Tensors under the paths that ``modules`` gives their modules.

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
"""Of spectral normalisation, by the versions of torch."""


def spectral_names(tensors: Tensors) -> Tensors:
    """Spectral normalisation as every version of torch wrote it, to weight, weight_u and weight_v."""
    found: Tensors = {}
    for name, tensor in tensors.items():
        if f"{name}_orig" in tensors:
            continue  # the normalised weight, which some versions kept beside the other
        old = next((old for old in SPELLINGS if name.endswith(f".{old}")), "")
        found[name.removesuffix(old) + SPELLINGS[old] if old else name] = tensor
    for name in [name for name in found if name.endswith(".weight_u")]:
        stem = name.removesuffix("_u")
        if f"{stem}_v" not in found:  # written before the second vector was kept
            vector = found[stem].flatten(1).mT @ found[name]
            found[f"{stem}_v"] = vector / vector.norm().clamp(min=1e-12)
    return found


def spectral_back(tensors: Tensors) -> Tensors:
    """The names that torch wrote when the weights were released: weight_orig, weight_u, weight_v."""
    normed = {name.removesuffix("_u") for name in tensors if name.endswith(".weight_u")}
    return {f"{name}_orig" if name in normed else name: tensor for name, tensor in tensors.items()}


RUNNING = ("running_mean", "running_var", "num_batches_tracked")


def without_running(tensors: Tensors) -> Tensors:
    """Less the running statistics of norms without a weight, that is of instance norm: torch before 0.4 wrote them."""

    def plain(name: str) -> bool:
        module, _, leaf = name.rpartition(".")
        return leaf in RUNNING and f"{module}.weight" not in tensors

    return {name: tensor for name, tensor in tensors.items() if not plain(name)}


def count(tensors: Tensors, pattern: str) -> int:
    """How many numbers n from 0 on make ``pattern.format(n)`` a tensor's name."""
    number = 0
    while pattern.format(number) in tensors:
        number += 1
    return number


def choose(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the overrides."""
    return {name: given[name] for name in names if name in given}


def labels(channels: int, given: Mapping[str, Any], features: int = 0) -> dict[str, Any]:
    """How the channels that a generator takes are made up: classes, one for what is unknown, one of boundaries.

    Raises:
        DiptychError: when what was given does not add up to what the file has.
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
