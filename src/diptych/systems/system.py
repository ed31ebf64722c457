"""What a system is: a module that yields its losses in the order in which they are to be applied.

A system owns networks and knows how they judge each other. It never sees an optimiser, a device, a folder or a clock:

* ``losses(batch, step)`` is a generator. The loop pulls one :class:`Losses`, applies it to the side that it names, and
  pulls again; so a line that stands after a ``yield`` runs after that update. Where two published versions of a method
  differ in their order of updates, the difference is where a line stands.
* Nothing in ``losses`` may ask a tensor for its value (no ``.item()``, no branch on a tensor), and no ``with`` may span
  a ``yield``: the loop opens autocast for each pull and closes it before the update.
* Everything that must survive a restart is a parameter or a buffer.

``list(system.losses(batch, 0))`` is a whole test.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from diptych.images import Batch
from diptych.networks import NetworkSpec


class Losses(NamedTuple):
    """One update: the side it trains, what is minimised, and what is only worth knowing."""

    trains: str
    """The path of a submodule, one of the system's ``sides``: "generator", "discriminator", "generator.a_to_b", ..."""
    terms: dict[str, Float[Tensor, ""]]
    """Named, weighted scalars in float32; their sum is minimised."""
    figures: Mapping[str, Float[Tensor, ""]] = MappingProxyType({})
    """Named scalars that go to the log and to the health watch only, such as the discriminator's accuracy."""


class Exit(NamedTuple):
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

    notes: tuple[str, ...] = ()
    """Sentences for the user about what the options came to, printed when a run starts."""

    def __init__(self, options: Any, channels_in: int, channels_out: int, size: tuple[int, int]) -> None:
        """``options`` is an instance of ``Options``; ``size`` is (height, width) of the training crops."""
        super().__init__()

    @abstractmethod
    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        """Yield the updates of one step, in order. ``step`` counts from 0."""

    @abstractmethod
    def translators(self) -> dict[str, Exit]:
        """What can leave the run, by name; the first is the one meant when none is named."""


MIDPOINT = {"vanilla": 0.0, "least-squares": 0.5, "hinge": 0.0}
"""The logit at which a discriminator is undecided. Wasserstein critics have none."""


def accuracy(adversary: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Share of patches that the discriminator calls rightly: 0.5 is guessing, 1.0 a discriminator that has won."""
    if adversary not in MIDPOINT:
        return {}
    real, fake, middle = real.detach(), fake.detach(), MIDPOINT[adversary]
    return {"accuracy": ((real > middle).float().mean() + (fake < middle).float().mean()) / 2}
