"""A trainer: the state of a run, how long the run is, and how its steps are launched on the device."""

import time
from collections.abc import Callable, Iterator

import torch

from diptych.machine.devices import matmul_precision
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.training.accelerate.cuda_graph import Captured, capturing
from diptych.training.length import length
from diptych.training.processes import Processes, benchmarked_kernels, deterministic_kernels, make_deterministic
from diptych.training.schedule import factor
from diptych.training.state import State
from diptych.training.step import ApplyUpdate, Scalars, train_step, update
from diptych.training.step_result import Entry


def unchanged(batch: Batch) -> Batch:
    return batch


class Trainer:
    """The state of a run, and its steps.

    Args:
        recipe: what is trained.
        processes: where.
        pictures: how many there are to train on.
        to_pictures: what makes pictures, on the device, of what the stream gives; see ``diptych.data.resident``.
    """

    def __init__(
        self,
        recipe: Recipe,
        processes: Processes,
        pictures: int,
        to_pictures: Callable[[Batch], Batch] = unchanged,
    ) -> None:
        settings = recipe.training
        self.recipe = recipe
        self.settings = settings
        self.processes = processes
        self.to_pictures = to_pictures
        if settings.deterministic:
            make_deterministic()
        self.kernel_choice = deterministic_kernels if settings.deterministic else benchmarked_kernels
        self.graph = capturing(settings, processes)
        self.reads_late = processes.device.type == "cuda"
        """Whether a step's numbers are looked at when the next step has been launched."""
        self.tell: Callable[[str], None] = lambda sentence: None
        self.batches_per_step = settings.accumulate * settings.discriminator_updates
        self.effective_batch = settings.batch_size * settings.accumulate * processes.size
        per_step = settings.batch_size * self.batches_per_step * processes.size
        self.steps_per_epoch = max(1, pictures // per_step)
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
        self.state = State(self.recipe, self.processes)
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
            entry.add(scalars, self.reads_late)
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
        return Batch(source, target)

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
