"""What a training will take, without taking it: its steps are rehearsed on tensors that have shapes and no data.

The loop itself runs, so whatever it does is counted: weights, moments, gradients, what is kept for backward, casts, scratch tensors.
"""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from diptych.machine.devices import REHEARSING
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.training.processes import Processes
from diptych.training.trainer import Trainer

LATE = 1_000_000
"""A step past those in which only a part is trained."""


class Spectator(TorchDispatchMode, ABC):
    """Sees every operation of a rehearsal."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it so

    @abstractmethod
    def saw(self, operation: Any, inputs: Any, found: Any) -> None:
        """One operation; ``inputs`` and ``found`` are nested lists and dicts with tensors in them."""

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if operation is torch.ops.aten._local_scalar_dense.default:
            # A loss or a norm need only be finite, and what is asked until it is false (rejected draws) must be.
            return False if args[0].dtype is torch.bool else 1.0
        found = operation(*args, **(kwargs or {}))
        self.saw(operation, args, found)
        return found


class Live(Spectator):
    """Counts the bytes of all storages that are met, as long as they live."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self.peak = 0
        self.known: set[int] = set()

    def saw(self, operation: Any, inputs: Any, found: Any) -> None:
        for tensor in tree_leaves((inputs, found)):
            if isinstance(tensor, Tensor):
                self.note(tensor.untyped_storage())
        self.peak = max(self.peak, self.bytes)

    def note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.bytes += size
            weakref.finalize(storage, self.drop, key, size)

    def drop(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.bytes -= size


def rehearse(
    recipe: Recipe, processes: Processes, batch: Callable[[Recipe], Batch], spectator: Spectator, steps: int
) -> Trainer:
    """Run ``steps`` steps before a spectator; ``batch`` makes pictures of the recipe's shapes.

    Raises:
        DiptychError: where the system cannot be built.
    """
    with ExitStack() as stack:
        stack.callback(REHEARSING.reset, REHEARSING.set(True))
        stack.enter_context(FakeTensorMode())
        stack.enter_context(torch.device(processes.device))
        stack.enter_context(spectator)
        trainer = Trainer(recipe, processes, pictures=1000)
        trainer.late = False  # there is no other memory to copy to
        batches = iter(lambda: batch(recipe), None)
        for step in range(steps):
            trainer.advance(batches, LATE + step, faults=0)
        return trainer


def live_peak(recipe: Recipe, processes: Processes, batch: Callable[[Recipe], Batch]) -> tuple[int, int]:
    """(bytes of tensors at the highest, bytes that stay between steps)."""
    live = Live()
    trainer = rehearse(recipe, processes, batch, live, steps=2)  # the second has moments from its beginning
    stays = live.bytes
    del trainer
    return live.peak, stays
