"""What a system is: a module that yields its losses in the order in which they are to be applied.

A system owns networks and knows how they judge each other. It never sees an optimiser, a device, a folder or a clock:

* ``losses(batch, step)`` is a generator. The loop pulls one :class:`Losses`, applies it to the side that it names, and
  pulls again; so a line that stands after a ``yield`` runs after that update. Where two published versions of a method
  differ in their order of updates, the difference is where a line stands.
* Nothing in ``losses`` may ask a tensor for its value (no ``.item()``, no branch on a tensor), draw or make a tensor elsewhere
  than on the batch's device, or do anything else at some steps than at others but at those in ``turns``: a step may be
  captured once and played again (``training/accelerate/cuda_graph.py``). Nor may a loss go backward through a
  graph that was built before its weights were updated. A side is yielded once a step. No ``with`` may span a ``yield``:
  autocast is opened for each pull and closed before the update.
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
from diptych.networks import NetworkSpec, SizeLimits
from diptych.pictures.kinds import Batch, Kind


@dataclass(frozen=True)
class Domains:
    """Between what a system translates."""

    source: Kind
    target: Kind
    size: tuple[int, int]
    """Height and width of the target's training crops."""
    factor: int = 1
    """How many times larger the target is than the source (super-resolution)."""

    @property
    def channels_in(self) -> int:
        return self.source.network_channels

    @property
    def channels_out(self) -> int:
        return self.target.network_channels

    def network_arguments(self) -> dict[str, Any]:
        """Arguments of a network that takes labels or pictures."""
        kind = self.source
        arguments: dict[str, Any] = {"channels_in": self.channels_in, "channels_out": self.channels_out}
        if kind.colour == "labels":
            arguments |= {"classes": kind.classes, "unknown": kind.unknown >= 0, "boundary": kind.instances}
        return arguments

    def require_size(self, system: str, *networks: SizeLimits) -> None:
        """Refuse crops that one of the networks cannot take, by what each says of itself.

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

    def require_rgb_or_grey(self, system: str) -> None:
        """Refuse targets that no network which was trained on photographs can look at.

        Raises:
            UsageError: naming the system.
        """
        if self.channels_out not in (1, 3):
            raise UsageError(
                f"{system} compares pictures by a network that sees RGB or grey, and the targets here have {self.channels_out} channels; "
                f"set options.perceptual=0, or for SRGAN options.content=mse."
            )

    def require_source(self, system: str, *colours: str, enlarging: bool = False) -> None:
        """Refuse a source that the system is not made for; no ``colours`` stand for plain pictures.

        Raises:
            UsageError: naming the system and what it needs.
        """
        found = self.source.colour
        plain = found not in ("labels", "holed")
        if not (found in colours or (plain and ("pictures" in colours or not colours))):
            wants = {"labels": 'data.task = "labelled"', "holed": 'data.task = "holed"'}
            needs = " or ".join(wants.get(colour, "plain pictures") for colour in colours or ("pictures",))
            raise UsageError(
                f"{system} needs {needs}, and the source here is {found}; choose another system or data.task."
            )
        if enlarging != (self.factor > 1):
            needs = 'data.task = "shrunk"' if enlarging else "a source as large as the target"
            raise UsageError(f"{system} needs {needs}; choose another system or data.task.")


class Losses(NamedTuple):
    """One update: the side it trains, what is minimised, and what is only worth knowing."""

    trains: str
    """The path of a submodule, one of the system's ``sides``: "generator", "discriminator", "generator.a_to_b", ..."""
    terms: dict[str, Float[Tensor, ""]]
    """Named, weighted scalars in float32; their sum is minimised."""
    figures: Mapping[str, Float[Tensor, ""]] = MappingProxyType({})
    """Named scalars that go to the log and to the health watch only, such as the discriminator's accuracy."""
    frozen: tuple[str, ...] = ()
    """Paths within that submodule which this update leaves as they are; gradients pass through them all the same."""


class TranslatorSpec(NamedTuple):
    """A network that may leave the run as a translator."""

    module: str
    """Path of the network inside the system."""
    network: NetworkSpec
    """How to build it again without the system."""
    reverse: bool = False
    """True when it turns targets into sources."""


class System(nn.Module, ABC):
    """The base of every system; final classes live one a file beside this one and are listed in ``SYSTEMS``."""

    Options: ClassVar[type[Any]]
    """A frozen dataclass; its defaults are the paper's structure and weights."""

    sides: tuple[str, ...]
    """Paths of the submodules that are trained, each with an optimiser of its own, in the order of their updates."""

    turns: tuple[int, ...] = ()
    """Rising steps at which ``losses`` changes what it does; ``step`` may be compared with no others."""

    min_batch_size: int = 1
    """Pictures that ``losses`` needs at once."""

    notes: tuple[str, ...] = ()
    """Sentences for the user about what the options came to, printed when a run starts."""

    facts: Mapping[str, str] = MappingProxyType({})
    """What the card should say of how this was trained, such as the network of a perceptual loss."""

    def __init__(self, options: Any, domains: Domains) -> None:
        """``options`` is an instance of ``Options``.

        Raises:
            UsageError: when the options or the domains do not fit the system.
        """
        super().__init__()

    @abstractmethod
    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        """Yield the updates of one step, in order. ``step`` counts from 0."""

    @abstractmethod
    def translators(self) -> dict[str, TranslatorSpec]:
        """What can leave the run, by name; the first is the one meant when none is named."""


MIDPOINT = {"vanilla": 0.0, "least-squares": 0.5, "hinge": 0.0}
"""The logit at which a discriminator is undecided. Wasserstein critics have none."""


def accuracy(adversary: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Share of patches that the discriminator calls rightly: 0.5 is guessing, 1.0 a discriminator that has won."""
    if adversary not in MIDPOINT:
        return {}
    real, fake, middle = real.detach(), fake.detach(), MIDPOINT[adversary]
    return {"accuracy": ((real > middle).float().mean() + (fake < middle).float().mean()) / 2}
