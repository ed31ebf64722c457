"""The numbers of a step, which may still be on their way from the device.

A GPU computes while Python goes on. Its numbers are copied to pinned memory and looked at when the next step has been launched,
so the GPU never waits. Where something depends on them (``Watch.after``), they are looked at at once.
"""

import math
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from diptych.training.step import Scalars

Fetch = Callable[[], list[float]]
"""Waits for numbers and gives them."""


class Fault(Exception):
    """A value that is not finite was met; the state that it is in must be dropped.

    ``step`` is the one in which it came to be, None where that is the last one.
    """

    def __init__(self, what: str, step: int | None = None) -> None:
        super().__init__(what)
        self.step = step


def fetched(values: Tensor) -> Fetch:
    """The numbers of a row on a device, which may not have been computed yet."""
    if values.device.type != "cuda":
        return values.tolist
    room = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    room.copy_(values, non_blocking=True)
    arrived = torch.cuda.Event()
    arrived.record(torch.cuda.current_stream(values.device))

    def fetch() -> list[float]:
        arrived.synchronize()
        found: list[float] = room.tolist()
        return found

    return fetch


class Entry(Mapping[str, float]):
    """A line of the log: losses, figures and gradient norms by name. Reading it waits for them.

    Args:
        step: which it is of, counted from 0.
        known: values that are on the processor already.
        alone: whether there is one process. Several must all meet a fault in the same step, so they look at the averaged gradient only.
    """

    def __init__(self, step: int, known: dict[str, float], alone: bool = True) -> None:
        self.step = step
        self.known = known
        self.alone = alone
        self.awaited: list[tuple[list[str], Fetch]] = []
        self.figures: set[str] = set()
        """Names of what need not be finite."""

    def add(self, scalars: Scalars, late: bool) -> None:
        """Await the scalars of an update; ``late`` starts their copy to the processor now."""
        if scalars.values:
            values = torch.stack(list(scalars.values.values()))
            self.awaited.append((list(scalars.values), fetched(values) if late else values.tolist))
            self.figures |= scalars.figures

    def look(self) -> None:
        """Wait for what is awaited.

        Raises:
            Fault: naming the first term, or else gradient, that is not finite.
        """
        while self.awaited:
            names, fetch = self.awaited.pop(0)
            values = dict(zip(names, fetch(), strict=True))
            self.known |= values
            for name, value in values.items():
                self.examine(name, value)

    def examine(self, key: str, value: float) -> None:
        if math.isfinite(value) or key in self.figures:
            return
        path, _, name = key.rpartition(".")
        if name == "gradient":
            raise Fault(f"the gradient of the {path} is not finite", self.step)
        if self.alone:
            raise Fault(f'the term "{name}" of the {path} is {value}', self.step)

    def __getitem__(self, name: str) -> float:
        if name not in self.known:
            self.look()
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        self.look()
        return iter(self.known)

    def __len__(self) -> int:
        self.look()
        return len(self.known)
