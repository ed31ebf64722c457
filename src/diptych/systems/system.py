"""The base of every system: a module that yields its losses in the order of their updates.

A system owns networks and computes their losses. It never sees an optimiser, a device, a folder or a clock:

* ``losses(batch, step)`` is a generator. The loop pulls one :class:`Losses`, updates the side that it names, and pulls again.
  A line after a ``yield`` therefore runs after that update. Published versions of a method that differ in their order of
  updates differ in where that line stands.
* A step may be captured once as a CUDA graph and replayed (``training/accelerate/cuda_graph.py``). So ``losses`` reads no tensor's
  value (no ``.item()``, no branch on a tensor) and makes tensors on the batch's device alone. What it does depends on the
  step only at those in ``phase_steps``.
* No loss goes backward through a graph that was built before its weights were updated. Each side is yielded once a step.
* No ``with`` spans a ``yield``: autocast is opened for each pull and closed before the update.
* Everything that must survive a restart is a parameter or a buffer.

``list(system.losses(batch, 0))`` is a whole test.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from diptych.errors import UsageError
from diptych.losses import ADVERSARIES
from diptych.networks import NetworkSpec, SizeLimits, accepted
from diptych.pictures.kinds import Batch, Kind


@dataclass(frozen=True)
class Domains:
    """The two image domains that a system translates between."""

    source: Kind
    target: Kind
    size: tuple[int, int]
    """Height and width of the target's training crops."""
    factor: int = 1
    """Side of the target over side of the source; above 1 for super-resolution."""

    @property
    def channels_in(self) -> int:
        return self.source.network_channels

    @property
    def channels_out(self) -> int:
        return self.target.network_channels

    def network_arguments(self) -> dict[str, Any]:
        """Channels of a generator, and for labels the arguments of its ``Semantics``."""
        kind = self.source
        arguments: dict[str, Any] = {"channels_in": self.channels_in, "channels_out": self.channels_out}
        if kind.colour == "labels":
            arguments |= {"classes": kind.classes, "unknown": kind.unknown >= 0, "boundary": kind.instances}
        return arguments

    def require_size(self, system: str, *networks: SizeLimits) -> None:
        """Refuse crops that one of the networks cannot take.

        Raises:
            UsageError: naming the system, what it needs, and the nearest crops that it takes.
        """
        multiple = math.lcm(*(network.multiple for network in networks))
        least = max(-(-network.min_size // multiple) * multiple for network in networks)
        needs = [f"divisible by {multiple}"] if any(side % multiple for side in self.size) else []
        needs += [f"of {least} pixels or more"] if min(self.size) < least else []
        if needs:
            height, width = (max(least, round(side / multiple) * multiple) for side in self.size)
            near = f"[{height}, {width}]" if height != width else str(height)
            raise UsageError(
                f"{system} with these options needs sides {' and '.join(needs)}, and data.crop_size is "
                f"{self.size[0]}x{self.size[1]}; set data.crop_size={near}, or choose smaller networks."
            )

    def require_rgb_or_grey(self, system: str, *instead: str, both: bool = False) -> None:
        """Refuse channels that a pretrained network does not take.

        Args:
            system: its name, for the message.
            instead: settings with which it needs no such network.
            both: whether sources are shown to one too.

        Raises:
            UsageError: naming the system.
        """
        for name, channels in (("targets", self.channels_out), ("sources", self.channels_in))[: 1 + both]:
            if channels not in (1, 3):
                raise UsageError(
                    f"{system} looks through a network that sees RGB or grey, and the {name} here have {channels} channels; "
                    f"set {' and '.join(instead)}."
                )

    def require_source(self, system: str, *colours: str, enlarging: bool = False) -> None:
        """Refuse a source that the system is not made for.

        Args:
            system: its name, for the message.
            colours: "labels", "holed" or "pictures"; none stands for "pictures".
            enlarging: whether the system is for super-resolution.

        Raises:
            UsageError: naming the system and what it needs.
        """
        colours = colours or ("pictures",)
        found = self.source.colour
        plain = found not in ("labels", "holed")
        if not (found in colours or (plain and "pictures" in colours)):
            wants = {"labels": 'data.task = "labelled"', "holed": 'data.task = "holed"'}
            needs = " or ".join(wants.get(colour, "plain pictures") for colour in colours)
            raise UsageError(
                f"{system} needs {needs}, and the source here is {found}; choose another system or data.task."
            )
        if enlarging != (self.factor > 1):
            needs = 'data.task = "shrunk"' if enlarging else "a source as large as the target"
            raise UsageError(f"{system} needs {needs}; choose another system or data.task.")


class Translated(NamedTuple):
    """The pictures of one way within a step, (batch, channels, height, width) as networks see them."""

    source: Tensor
    target: Tensor
    """A picture of the other domain; of unpaired data it is no partner of the source."""
    fake: Tensor
    """The generator's output, through which gradients flow; under autocast it is bfloat16."""


class Losses(NamedTuple):
    """One update: the side that it trains, the terms that are minimised, and figures for the log."""

    trains: str
    """The path of a submodule, one of the system's ``sides``: "generator", "discriminator", "generator.a_to_b", ..."""
    terms: dict[str, Float[Tensor, ""]]
    """Named, weighted scalars in float32; their sum is minimised."""
    figures: Mapping[str, Float[Tensor, ""]] = MappingProxyType({})
    """Named scalars for the log and the health checks alone, such as the discriminator's accuracy."""
    frozen: tuple[str, ...] = ()
    """Paths within that submodule that this update does not change; gradients pass through them all the same."""
    pictures: Mapping[str, Translated] = MappingProxyType({})
    """By way, such as "a-to-b", what the trained generators translated; empty for a discriminator. Extra terms are of these."""


class TranslatorSpec(NamedTuple):
    """A generator that a run gives as a translator."""

    module: str
    """Path of the network inside the system."""
    network: NetworkSpec
    """Name and arguments to build it without the system."""
    reverse: bool = False
    """Whether it translates targets to sources."""


@dataclass(frozen=True)
class SystemOptions:
    """The base of every system's [options] table."""

    def require_at_least(self, least: int, *names: str) -> None:
        """Refuse smaller values of the named options.

        Raises:
            UsageError: naming the option.
        """
        for name, value in self.pick(*names).items():
            if value < least:
                raise UsageError(f"options.{name} is {value}; it must be at least {least}.")

    def pick(self, *names: str) -> dict[str, Any]:
        """The named options, as arguments of a network."""
        return {name: getattr(self, name) for name in names}


class System(nn.Module, ABC):
    """The base of every system; final classes live one a file beside this one and are listed in ``SYSTEMS``."""

    Options: ClassVar[type[Any]]
    """A frozen dataclass with the paper's structure and weights as defaults."""

    sides: tuple[str, ...]
    """Paths of the submodules that are trained, each with an optimiser of its own, in the order of their updates."""

    phase_steps: tuple[int, ...] = ()
    """Rising steps at which ``losses`` changes what it does; ``step`` may be compared with no others."""

    needs_pairs: bool = False
    """Whether a loss compares a translation with the target of its source; such a system refuses unpaired sets."""

    takes_gaps: bool = False
    """Whether ``losses`` fills what it makes (``Batch.fill``) and gives ``Batch.weights`` to losses of pixels; others refuse nodata."""

    min_batch_size: int = 1
    """Pictures that ``losses`` needs at once."""

    batch_multiple: int = 1
    """Batches must be divisible by this."""

    notes: tuple[str, ...] = ()
    """Sentences about the options, printed when a run starts."""

    facts: Mapping[str, str] = MappingProxyType({})
    """Facts about the training for the card, such as the network of a perceptual loss."""

    spec: NetworkSpec
    """The generator, where there is one alone."""

    def __init__(self, options: Any, domains: Domains) -> None:
        """``options`` is an instance of ``Options``.

        Raises:
            UsageError: when the options or the domains do not fit the system.
        """
        super().__init__()

    @abstractmethod
    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        """Yield the updates of one step, in order. ``step`` counts from 0."""

    def shown(self, batch: Batch, fake: Tensor) -> list[Tensor]:
        """Further pictures for the sample grids, (1, 1 or more channels, height, width) in [-1, 1] each; most systems have none.

        Args:
            batch: of one validation pair.
            fake: its translation.
        """
        return []

    def translators(self) -> dict[str, TranslatorSpec]:
        """The generators by direction; the first is the default."""
        return {"a-to-b": TranslatorSpec("generator", self.spec)}


class TwoWaySystem(System):
    """A system with generators "a_to_b" and "b_to_a", equal but for their channels."""

    specs: dict[str, NetworkSpec]

    def two_way_specs(self, network: str, domains: Domains, arguments: dict[str, Any]) -> dict[str, NetworkSpec]:
        """The generators' specs, each with those of the arguments that the network has."""
        there = {"channels_in": domains.channels_in, "channels_out": domains.channels_out}
        back = {"channels_in": domains.channels_out, "channels_out": domains.channels_in}
        ways = {"a_to_b": there, "b_to_a": back}
        return {way: NetworkSpec(network, accepted(network, channels | arguments)) for way, channels in ways.items()}

    def both_ways(self, batch: Batch, fake_b: Tensor, fake_a: Tensor) -> dict[str, Translated]:
        """The pictures of an update of both generators."""
        a, b = batch
        return {"a-to-b": Translated(a, b, fake_b), "b-to-a": Translated(b, a, fake_a)}

    def translators(self) -> dict[str, TranslatorSpec]:
        return {
            "a-to-b": TranslatorSpec("generator.a_to_b", self.specs["a_to_b"]),
            "b-to-a": TranslatorSpec("generator.b_to_a", self.specs["b_to_a"], reverse=True),
        }


def accuracy(adversary: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Share of patches that the discriminator classifies correctly: 0.5 is guessing, 1.0 means that it has won.

    Empty for a Wasserstein critic.
    """
    middle = ADVERSARIES[adversary].midpoint
    if middle is None:
        return {}
    real, fake = real.detach(), fake.detach()
    return {"accuracy": ((real > middle).float().mean() + (fake < middle).float().mean()) / 2}
