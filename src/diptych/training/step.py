"""A step of training, apart from when to look and when to save.

Rules that live here and nowhere else:

* Backward names the parameters that it is for (``Side.accumulate``). A system may go backward itself to the pictures that a network
  judged, and to nothing else (``systems/detached_loss.py``).
* Autocast is opened for each pull and closed before the update; it caches cast weights until it closes, and one context
  around a whole step would judge the generator with the discriminator before its update.
* Every random draw is addressed by (seed, faults, step, rank); nothing of it is stored.
* All batches of a step are there before it changes anything, so a picture that cannot be read leaves the state of the step before.
* Nothing asks the device for a number before an update is over; then all losses and gradient norms are looked at together, on a
  GPU while it computes the next step (``step_result.py``).
"""

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from diptych.machine.devices import multiplying
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe, TrainingSettings
from diptych.systems import Losses
from diptych.training.accelerate.cuda_graph import Captured, Compute, capturing, silent
from diptych.training.processes import Processes, make_deterministic, precision_of, repeating_kernels, trying_kernels
from diptych.training.schedule import factor
from diptych.training.state import State, address
from diptych.training.step_result import Entry, fetched


def as_they_are(batch: Batch) -> Batch:
    return batch


class Trainer:
    """The state of a run and what a step does to it.

    Args:
        recipe: what is trained.
        processes: where.
        pictures: how many there are to train on.
        developed: what makes pictures, on the device, of what the stream gives; see ``diptych.data.resident``.
    """

    def __init__(
        self,
        recipe: Recipe,
        processes: Processes,
        pictures: int,
        developed: Callable[[Batch], Batch] = as_they_are,
    ) -> None:
        settings = recipe.training
        self.recipe = recipe
        self.settings = settings
        self.processes = processes
        self.developed = developed
        if settings.deterministic:
            make_deterministic()
        self.kernel_choice = repeating_kernels if settings.deterministic else trying_kernels
        self.graph = capturing(settings, processes)
        self.late = processes.device.type == "cuda"  # whether a step is looked at when the next one has been launched
        self.tell: Callable[[str], None] = silent
        self.figures: set[str] = set()  # names of what is logged and not minimised
        self.batches_per_step = settings.accumulate * settings.discriminator_updates
        self.effective_batch = settings.batch_size * settings.accumulate * processes.size
        per_step = settings.batch_size * self.batches_per_step * processes.size
        self.steps_per_epoch = max(1, pictures // per_step)
        self.steps = length(settings, self.steps_per_epoch)
        self.pictures = pictures
        self.precision = precision_of(settings, processes.device)
        self.begin_anew()

    def begin_anew(self) -> None:
        """The state as the seed makes it; what was captured of another one is forgotten."""
        self.compute: Compute = self.update  # graphs and the old state go first, so that there is room
        vars(self).pop("state", None)
        self.newest: Entry | None = None
        self.whole = True  # whether the state is that of a step, and no update of the next has begun
        self.state = State(self.recipe, self.processes)
        if self.graph:
            self.compute = Captured(self.update, self.processes.device, None, self.forget, self.unrecorded)

    def forget(self) -> None:
        for side in self.state.sides.values():
            side.forget()

    def unrecorded(self, sentence: str) -> None:
        self.graph = False
        self.tell(sentence)

    def words(self) -> str:
        """What this run is, once, in a sentence."""
        settings, count = self.settings, self.processes.size
        together = f" x {settings.accumulate} accumulated" if settings.accumulate > 1 else ""
        devices = f"{count} processes on {self.processes.device.type}" if count > 1 else f"{self.processes.device}"
        return (
            f"{self.steps} steps on {self.pictures} training pictures ({self.steps / self.steps_per_epoch:.1f} epochs), "
            f"batch {settings.batch_size} per process{together}, effective batch {self.effective_batch}, "
            f"{devices}, {self.precision}."
        )

    def advance(self, batches: Iterator[Batch], step: int, faults: int) -> Entry:
        """One step: for every update of the generator, the discriminator's, on fresh pictures each.

        Returns the log entry: named losses and figures, gradient norms, seconds waited for data; of several processes also
        "stop", above 0 where one of them was asked to stop. Where steps are looked at late, it is the entry before it that has been
        looked at.

        Raises:
            Fault: when a loss or a gradient is not finite. The weights may have taken it in by then.
        """
        settings = self.settings
        torch.manual_seed(address(settings.seed, faults, step + 1, self.processes.rank))
        rate = factor(settings, step, self.steps, self.steps_per_epoch)
        for side in self.state.sides.values():
            side.prepare(rate * settings.learning_rate[side.role], step)
        began = time.perf_counter()
        taken = [next(batches) for _ in range(self.batches_per_step)]
        waited = time.perf_counter() - began
        entry = Entry(step, {"rate": rate, "waited": waited}, self.figures, self.processes.size == 1)
        phase = bisect_right(self.state.system.turns, step)
        self.whole = False
        for update in range(1, settings.discriminator_updates + 1):
            held = [self.to_device(taken.pop(0)) for _ in range(settings.accumulate)]
            with self.kernel_choice(), multiplying(self.precision, self.processes.device):
                found = self.compute(held, step, update < settings.discriminator_updates, phase)
            if self.processes.size > 1:
                found["stop"] = self.processes.wish.clone()
            if found:
                values = torch.stack(list(found.values()))
                entry.await_values(list(found), fetched(values) if self.late else values.tolist)
            if not self.late:
                entry.look()
        self.whole = True
        before, self.newest = self.newest, entry
        if before is not None:
            before.look()
        return entry

    def update(self, held: list[Batch], step: int, only_discriminators: bool, phase: int) -> dict[str, Tensor]:
        """Pull from the system once per batch and side, and apply; batches beyond the first are accumulated.

        Returns named scalars on the device, in the order in which they came to be; of several batches their means.
        """
        found: dict[str, Tensor] = {}
        pulls = [self.state.system.losses(self.laid_out(self.developed(batch)), step) for batch in held]
        while True:
            for index, pull in enumerate(pulls):
                losses = self.pull(pull)
                if losses is None:
                    return found
                side = self.state.sides[losses.trains]
                if only_discriminators and side.role != "discriminator":
                    continue
                side.accumulate(losses.terms, 1 / len(held), losses.frozen, last=index + 1 == len(held))
                self.figures |= {f"{losses.trains}.{name}" for name in losses.figures}
                for name, value in {**losses.terms, **losses.figures}.items():
                    key, part = f"{losses.trains}.{name}", value.detach().float() / len(held)
                    found[key] = found[key] + part if index else part
                if index + 1 == len(held):
                    found[f"{losses.trains}.gradient"] = side.update()

    def pull(self, pull: Iterator[Losses]) -> Losses | None:
        device = self.processes.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return next(pull, None)

    def to_device(self, batch: Batch) -> Batch:
        source, target = (tensor.to(self.processes.device, non_blocking=True) for tensor in batch)
        return Batch(source, target)

    def laid_out(self, batch: Batch) -> Batch:
        layout = torch.channels_last if self.settings.channels_last else torch.contiguous_format
        source, target = (tensor.contiguous(memory_format=layout) for tensor in batch)
        return Batch(source, target)


def length(settings: TrainingSettings, steps_per_epoch: int) -> int:
    """Steps of the run: of steps and epochs, where both are given, whichever ends first."""
    by_epochs = math.ceil(settings.epochs * steps_per_epoch)
    return min(steps for steps in (settings.steps, by_epochs) if steps)
