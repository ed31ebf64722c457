"""A trainer: the state of a run, how long the run is, how its steps are launched on the device, and the numbers that they give."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from diptych.machine.devices import matmul_precision
from diptych.pictures.kinds import Batch
from diptych.pictures.values.batches import have_gaps, without_nan
from diptych.recipe import Recipe
from diptych.training.accelerate.cuda_graph import Captured, capturing
from diptych.training.processes import Processes, benchmarked_kernels, deterministic_kernels, make_deterministic
from diptych.training.schedule import factor, length, steps_per_epoch
from diptych.training.state import State
from diptych.training.step import ApplyUpdate, Scalars, train_step, update
from diptych.training.terms import Terms

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

    A GPU computes while Python goes on. Its numbers are copied to pinned memory and looked at when the next step has been launched,
    so the GPU never waits. Where something depends on them (``Watch.after``), they are looked at at once.

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

    def add(self, scalars: Scalars) -> None:
        """Await the scalars of an update, whose copy to the processor starts now."""
        if scalars.values:
            self.awaited.append((list(scalars.values), fetched(torch.stack(list(scalars.values.values())))))
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
            for key, value in values.items():
                if math.isfinite(value) or key in self.figures:
                    continue
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


class Trainer:
    """The state of a run, and its steps.

    Args:
        recipe: what is trained.
        processes: where.
        pictures: how many there are to train on.
        to_pictures: what makes pictures, on the device, of what the stream gives; see ``diptych.data.resident``.
        terms: that are minimised beside the system's own.
    """

    def __init__(
        self,
        recipe: Recipe,
        processes: Processes,
        pictures: int,
        to_pictures: Callable[[Batch], Batch] = lambda batch: batch,
        terms: Terms = MappingProxyType({}),
    ) -> None:
        settings = recipe.training
        self.recipe = recipe
        self.settings = settings
        self.processes = processes
        self.to_pictures = to_pictures
        self.gaps = have_gaps(recipe.data.source, recipe.data.target)
        self.terms = terms
        if settings.deterministic:
            make_deterministic()
        self.kernel_choice = deterministic_kernels if settings.deterministic else benchmarked_kernels
        self.graph = capturing(settings, processes)
        self.reads_late = processes.device.type == "cuda"
        """Whether a step's numbers are looked at when the next step has been launched."""
        self.tell: Callable[[str], None] = lambda sentence: None
        self.batches_per_step = settings.accumulate * settings.discriminator_updates
        self.effective_batch = settings.batch_size * settings.accumulate * processes.size
        self.steps_per_epoch = steps_per_epoch(settings, pictures, processes.size)
        self.steps = length(settings, self.steps_per_epoch)
        self.pictures = pictures
        self.begin_anew()

    def take_length(self, recipe: Recipe) -> None:
        """Be as if made for ``recipe``, which differs in its length; nothing remains of steps that were made."""
        self.recipe, self.settings = recipe, recipe.training
        self.steps = length(self.settings, self.steps_per_epoch)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Make the state anew from the seed, and forget what was captured of an older one."""
        self.compute: ApplyUpdate = self.update  # graphs and the old state go first, so that there is room
        vars(self).pop("state", None)
        self.previous: Entry | None = None
        self.between_steps = True  # whether the state is that of a step, and no update of the next has begun
        self.state = State(self.recipe, self.processes, self.terms)
        if self.graph:
            self.compute = Captured(self.update, self.state, self.unrecorded)

    def unrecorded(self, sentence: str) -> None:
        self.graph = False
        self.tell(sentence)

    def advance(self, batches: Iterator[Batch], step: int, faults: int) -> Entry:
        """Take the batches of a step and make it.

        Returns the log entry: named losses and figures, gradient norms, and seconds waited for data. Of several processes it also has
        "stop", above 0 where one of them was asked to stop. On a GPU only the entry of the step before has been looked at.

        Raises:
            Fault: when a loss or a gradient is not finite. The weights may have taken it in by then.
        """
        began = time.perf_counter()
        taken = [next(batches) for _ in range(self.batches_per_step)]
        waited = time.perf_counter() - began
        rate = factor(self.settings, step, self.steps, self.steps_per_epoch)
        entry = Entry(step, {"rate": rate, "waited": waited}, self.processes.size == 1)
        self.between_steps = False
        for scalars in train_step(self.state, taken, step, faults, rate, self.launch):
            if self.processes.size > 1:
                scalars.values["stop"] = self.processes.stop_request.clone()
            entry.add(scalars)
            if not self.reads_late:
                entry.look()
        self.between_steps = True
        before, self.previous = self.previous, entry
        if before is not None:
            before.look()
        return entry

    def launch(self, batches: list[Batch], step: int, only_discriminators: bool) -> Scalars:
        held = [self.to_device(batch) for batch in batches]
        with self.kernel_choice(), matmul_precision(self.state.precision, self.processes.device):
            return self.compute(held, step, only_discriminators)

    def update(self, batches: list[Batch], step: int, only_discriminators: bool) -> Scalars:
        """``step.update`` on batches on the device; what a graph captures."""
        return update(self.state, [self.prepared(batch) for batch in batches], step, only_discriminators)

    def to_device(self, batch: Batch) -> Batch:
        source, target = (tensor.to(self.processes.device, non_blocking=True) for tensor in batch)
        return Batch(source, target)

    def prepared(self, batch: Batch) -> Batch:
        """Pictures as networks take them, of a batch on the device."""
        layout = torch.channels_last if self.settings.channels_last else torch.contiguous_format
        source, target = (tensor.contiguous(memory_format=layout) for tensor in self.to_pictures(batch))
        return without_nan(source, target) if self.gaps else Batch(source, target)

    def summary(self) -> str:
        """Length, batch, device and precision of the run, in a sentence."""
        settings, count = self.settings, self.processes.size
        together = f" x {settings.accumulate} accumulated" if settings.accumulate > 1 else ""
        devices = f"{count} processes on {self.processes.device.type}" if count > 1 else f"{self.processes.device}"
        return (
            f"{self.steps} steps on {self.pictures} training pictures ({self.steps / self.steps_per_epoch:.1f} epochs), "
            f"batch {settings.batch_size} per process{together}, effective batch {self.effective_batch}, "
            f"{devices}, {self.state.precision}."
        )
