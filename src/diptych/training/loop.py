"""The one loop: pull a loss, apply it to the side that it names, go on.

Rules that live here and nowhere else:

* Backward names the parameters that it is for (``Side.accumulate``).
* Autocast is opened for each pull and closed before the update; it caches cast weights until it closes, and one context
  around a whole step would judge the generator with the discriminator before its update.
* Every random draw is addressed by (seed, faults, step, rank); nothing of it is stored.
* Nothing that is not finite reaches the weights: the step is dropped, the last checkpoint restored, and the draws
  re-addressed, so that the same bad luck does not come again.
"""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import torch
from torch import Tensor

from diptych import checkpoints
from diptych.data import Dataset, open_dataset, stream
from diptych.errors import DiptychError, UsageError
from diptych.images import Batch
from diptych.recipe import Recipe, TrainingSettings
from diptych.systems import Losses
from diptych.training.processes import Processes, fast_precision, join, make_deterministic
from diptych.training.run import Run
from diptych.training.schedule import factor
from diptych.training.side import Fault
from diptych.training.state import State, address, start_from, weights_of
from diptych.training.watch import Watch

FAULT_SEED = 1_000_003  # a prime: the stream's seed after a fault is far from every seed that a person would choose


def train(recipe: Recipe, run: Run, processes: Processes, watch: Watch) -> None:
    """Train until the recipe's end, a request to stop, or an explained failure; resume where the run stands."""
    dataset = open_dataset(recipe.data, "train", train=True)
    if recipe.training.batch_size > len(dataset):
        raise UsageError(
            f"training.batch_size is {recipe.training.batch_size}, and there are only {len(dataset)} training pictures; "
            f"set it to {len(dataset)} or less."
        )
    trainer = Trainer(recipe, processes, len(dataset))
    watch.begin(trainer.state, trainer.steps, trainer.words())
    try:
        advance_to_end(trainer, dataset, run, watch)
    except Exception as problem:
        watch.failed(str(problem).partition("\n")[0] or type(problem).__name__)
        raise


def advance_to_end(trainer: "Trainer", dataset: Dataset, run: Run, watch: Watch) -> None:
    """Step after step, from where the run stands; after a fault, from the last good state."""
    recipe, processes = run.recipe, trainer.processes
    step, faults = restore(trainer, run, watch, 0)
    settings = recipe.training
    while not watch.finished(step):
        start, seed = step * trainer.batches_per_step, settings.seed + FAULT_SEED * faults
        place = (processes.rank, processes.size)
        with closing(stream(dataset, settings.batch_size, seed, start, recipe.data.workers, *place)) as batches:
            try:
                while not watch.finished(step):
                    entry = trainer.advance(batches, step, faults)
                    step += 1
                    watch.after(step, faults, entry)
            except Fault as fault:
                step, faults = recover(trainer, run, watch, step, faults + 1, str(fault))


def restore(trainer: "Trainer", run: Run, watch: Watch, faults: int) -> tuple[int, int]:
    """Take the newest whole checkpoint, or the seed's (or ``init_from``'s) weights where there is none."""
    found = run.latest()
    source = run.recipe.training.init_from
    if found is not None:
        trainer.state.load(found.tensors)
        step, faults = int(found.facts["step"]), max(faults, int(found.facts["faults"]))
        threads, now = int(found.facts.get("threads", 0)), torch.get_num_threads()
        if threads not in (0, now) and trainer.processes.device.type == "cpu":
            watch.say(
                f"The checkpoint was made with {threads} threads and training goes on with {now}: the result will agree with "
                f"an uninterrupted run's up to rounding, not bit for bit. OMP_NUM_THREADS={threads} makes it exact."
            )
        watch.resumed(step)
        return step, faults
    if source:
        watch.say(start_from(trainer.state, source, checkpoints.load(weights_of(source)).tensors))
    watch.resumed(0)
    return 0, faults


def recover(trainer: "Trainer", run: Run, watch: Watch, step: int, faults: int, what: str) -> tuple[int, int]:
    """After a fault: back to the last good state with other draws, or an end with advice when there were too many."""
    allowed = run.recipe.training.max_faults
    watch.fault(step, faults, what)
    if faults > allowed:
        raise DiptychError(
            f"training stopped at step {step}: {what}, fault {faults} of {allowed} allowed. Lower training.learning_rate, "
            f"set training.clip_gradient=1, or training.precision=float32; the newest checkpoint is whole."
        )
    trainer.state = State(run.recipe, trainer.processes)
    watch.state = trainer.state
    return restore(trainer, run, watch, faults)


class Trainer:
    """The parts of a step, apart from when to look and when to save."""

    def __init__(self, recipe: Recipe, processes: Processes, pictures: int) -> None:
        settings = recipe.training
        self.settings = settings
        self.processes = processes
        if settings.deterministic:
            make_deterministic()
        self.state = State(recipe, processes)
        self.batches_per_step = settings.accumulate * settings.discriminator_updates
        self.effective_batch = settings.batch_size * settings.accumulate * processes.size
        per_step = settings.batch_size * self.batches_per_step * processes.size
        self.steps_per_epoch = max(1, pictures // per_step)
        self.steps = length(settings, self.steps_per_epoch)
        self.pictures = pictures
        wanted = settings.precision if settings.precision != "auto" else fast_precision(processes.device)
        self.dtype = torch.bfloat16 if wanted == "bfloat16" else torch.float32

    def words(self) -> str:
        """What this run is, once, in a sentence."""
        settings, count = self.settings, self.processes.size
        together = f" x {settings.accumulate} accumulated" if settings.accumulate > 1 else ""
        devices = f"{count} processes on {self.processes.device.type}" if count > 1 else f"{self.processes.device}"
        return (
            f"{self.steps} steps on {self.pictures} training pictures ({self.steps / self.steps_per_epoch:.1f} epochs), "
            f"batch {settings.batch_size} per process{together}, effective batch {self.effective_batch}, "
            f"{devices}, {str(self.dtype).removeprefix('torch.')}."
        )

    def advance(self, batches: Iterator[Batch], step: int, faults: int) -> dict[str, float | Tensor]:
        """One step: for every update of the generator, the discriminator's, on fresh pictures each.

        Returns the log entry: named losses and figures, gradient norms, seconds waited for data.
        """
        settings = self.settings
        torch.manual_seed(address(settings.seed, faults, step + 1, self.processes.rank))
        rate = factor(settings, step, self.steps, self.steps_per_epoch)
        entry: dict[str, float | Tensor] = {"rate": rate, "waited": 0.0}
        for update in range(1, settings.discriminator_updates + 1):
            began = time.perf_counter()
            held = [self.move(next(batches)) for _ in range(settings.accumulate)]
            entry["waited"] = float(entry["waited"]) + time.perf_counter() - began
            entry |= self.update(held, step, rate, only_discriminators=update < settings.discriminator_updates)
        return entry

    def update(self, held: list[Batch], step: int, rate: float, only_discriminators: bool) -> dict[str, float | Tensor]:
        """Pull from the system once per batch and side, and apply; batches beyond the first are accumulated."""
        entry: dict[str, float | Tensor] = {}
        pulls = [self.state.system.losses(batch, step) for batch in held]
        while True:
            for index, pull in enumerate(pulls):
                losses = self.pull(pull)
                if losses is None:
                    return entry
                side = self.state.sides[losses.trains]
                if only_discriminators and side.role != "discriminator":
                    continue
                self.check(losses)
                side.accumulate(losses.terms, 1 / len(held))
                if index + 1 < len(held):
                    continue
                norm = side.update(rate * self.settings.learning_rate[side.role], step)
                named = {**losses.terms, **losses.figures}
                entry |= {f"{losses.trains}.{name}": value.detach() for name, value in named.items()}
                entry[f"{losses.trains}.gradient"] = norm

    def pull(self, pull: Iterator[Losses]) -> Losses | None:
        device = self.processes.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.dtype is torch.bfloat16):
            return next(pull, None)

    def check(self, losses: Losses) -> None:
        """Raise a Fault that names the term when a loss is not finite."""
        for name, value in losses.terms.items():
            if not math.isfinite(value.item()):
                if self.processes.size > 1:
                    return  # every process must meet the fault together: in the averaged gradient, which it reaches
                raise Fault(f'the term "{name}" of the {losses.trains} is {value.item()}')

    def move(self, batch: Batch) -> Batch:
        layout = torch.channels_last if self.settings.channels_last else torch.contiguous_format
        device = self.processes.device
        source, target = (t.to(device, memory_format=layout, non_blocking=True) for t in batch)
        return Batch(source, target)


def length(settings: TrainingSettings, steps_per_epoch: int) -> int:
    """Steps of the run: of steps and epochs, where both are given, whichever ends first."""
    by_epochs = math.ceil(settings.epochs * steps_per_epoch)
    return min(steps for steps in (settings.steps, by_epochs) if steps)


def train_folder(recipe: Recipe, folder: Path, watch: Watch | None = None) -> Run:
    """Train ``recipe`` into the run folder ``folder``, or go on with it; the whole of ``diptych train`` in Python.

    Raises:
        DiptychError: for anything that is explained; what had been saved is whole.
    """
    processes = join(recipe.training.device)
    run = Run(folder, recipe, processes.leads)
    try:
        with run:
            processes.wait()
            train(recipe, run, processes, watch or Watch(run, processes))
    finally:
        processes.close()
    return run
