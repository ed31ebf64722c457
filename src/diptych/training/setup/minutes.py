"""A length in minutes: the rate is measured before training, and becomes a number of steps that stands in the run's recipe.

What is counted is the time from the first step on. Steps take what they took when measured, each phase of the system by its share. Validating,
drawing and saving together take what they took once. The measuring is done with the run's own trainer, pictures and seed,
and everything that it made is thrown away, so the run is bitwise one of that many steps.
"""

import dataclasses
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count, pairwise
from pathlib import Path
from typing import NamedTuple

from diptych import checkpoints
from diptych.data import Dataset, stream
from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.training.accelerate.cuda_graph import WARM_UP
from diptych.training.monitoring.watch import Watch
from diptych.training.run import Run, read_lines, read_recipe
from diptych.training.statistics import precise_statistics
from diptych.training.trainer import Fault, Trainer
from diptych.training.validation import Validation

WARMING = {"cpu": 2, "mps": 4, "cuda": WARM_UP + 4}  # steps that are not measured
LEAST = 3  # steps that are
SHARE, SECONDS = 0.03, (3.0, 30.0)  # of the minutes, within these bounds, for which steps are measured
LOOKS, LOOKING = 4, 0.1  # validations at least, as long as they take no larger share of the time
EVERY = ("validate_every", "picture_every", "checkpoint_every")
MICROSECONDS = 1e6


class Pace(NamedTuple):
    """Seconds of a step, and of validating, drawing and saving once."""

    step: float
    look: float


def begun_in_minutes(recipe: Recipe, folder: Path, minutes: float) -> tuple[Recipe, float | None]:
    """The recipe, and the minutes whose steps are to be found; for a run that has been given them, its length and None.

    Raises:
        UsageError: for minutes that are no finite number above 0; when the run in ``folder`` has learned something with another length.
    """
    if not 0 < minutes < math.inf:
        raise UsageError(f"--minutes is {minutes:g}; give a number above 0.")
    if not any((folder / "checkpoints").glob("*")):
        return recipe, minutes
    stored = read_recipe(folder)
    told = [entry["minutes"] for entry in read_lines(folder / "events.jsonl") if "minutes" in entry]
    if told and told[-1] == minutes:
        return with_length_of(recipe, stored), None
    had = f" (from {in_words(told[-1])})" if told else ""
    longer = f" such as {round(stored.training.steps * minutes / told[-1])}" if told else ""
    raise UsageError(
        f"{folder} has its length already, {stored.training.steps or stored.training.epochs:g} "
        f"{'steps' if stored.training.steps else 'epochs'}{had}; leave --minutes away to go on, or give another training.steps{longer}."
    )


def in_words(minutes: float) -> str:
    return f"{minutes:g} minute" if minutes == 1 else f"{minutes:g} minutes"


def fix_length(minutes: float, trainer: Trainer, dataset: Dataset, run: Run, watch: Watch) -> None:
    """Measure the rate, and give the run, its recipe and its trainer that many steps.

    Raises:
        DiptychError: when no step can be made.
        KeyboardInterrupt: when asked to stop meanwhile.
    """
    watch.say(f"Measuring the rate, for the steps of {in_words(minutes)} ...")
    seconds = 60 * minutes
    pace = measured(trainer, dataset, run, watch, min(max(SHARE * seconds, SECONDS[0]), SECONDS[1]))
    settings = run.recipe.training
    steps, every = steps_within(
        seconds, pace, settings.validate_every, settings.metrics_share if settings.metrics else 0.0
    )
    recipe = with_steps(run.recipe, steps, every, trainer.steps)
    run.take_length(recipe)
    trainer.take_length(recipe)
    sentence = (
        f"{in_words(minutes)} from the first step on: {steps} steps. A step takes {pace.step:.3g} s, and validating, drawing and "
        f"saving {pace.look:.3g} s, every {every} steps."
    )
    watch.say(sentence)
    if pace.look > LOOKING * seconds:
        watch.say(
            "Validating takes much of that; fewer training.validate_pictures and training.statistics_pictures take less."
        )
    watch.record.event("length", 0, sentence, minutes=minutes)


def steps_within(seconds: float, pace: Pace, every: int, metrics: float = 0.0) -> tuple[int, int]:
    """(steps, how often to look) that take ``seconds``; a share ``metrics`` of them is for metrics.

    There are at least ``LOOKS`` looks, or as many as take the share ``LOOKING``, or one.
    """
    seconds *= 1 - metrics
    looks = max(1, min(LOOKS, int(LOOKING * seconds / pace.look)))
    steps = max(1, int(min((seconds - looks * pace.look) / pace.step, seconds / (pace.step + pace.look / every))))
    return steps, min(every, math.ceil(steps / looks))


def with_steps(recipe: Recipe, steps: int, every: int, before: int) -> Recipe:
    """The recipe with ``steps`` in place of ``before``: phases of the system, stated in steps, keep their share."""
    phases = {name: round(value * steps / before) for name, value in phases_of(recipe).items()}
    rhythm = {name: min(getattr(recipe.training, name), every) for name in EVERY}
    longer = recipe.replace(steps=steps, epochs=0.0, **rhythm)
    return dataclasses.replace(longer, options=dataclasses.replace(longer.options, **phases))


def with_length_of(recipe: Recipe, stored: Recipe) -> Recipe:
    """The recipe with all that ``with_steps`` has changed in the stored one."""
    same = {name: getattr(stored.training, name) for name in ("steps", "epochs", *EVERY)}
    options = recipe.options
    if type(options) is type(stored.options):
        options = dataclasses.replace(options, **phases_of(stored))
    return dataclasses.replace(recipe.replace(**same), options=options)


def phases_of(recipe: Recipe) -> dict[str, int]:
    """Options that state a phase of the training in steps, such as pretrain_steps."""
    return {key: value for key, value in vars(recipe.options).items() if key.endswith("_steps")}


# Measuring


def measured(trainer: Trainer, dataset: Dataset, run: Run, watch: Watch, seconds: float) -> Pace:
    """The pace of this machine now; of several processes, that of the slowest. The trainer's state is anybody's afterwards."""
    settings, processes = run.recipe.training, trainer.processes
    place = (processes.rank, processes.size, processes.device)
    within = [step for step in trainer.state.system.phase_steps if 0 < step < trainer.steps]
    step = 0.0
    with closing(stream(dataset, settings.batch_size, settings.seed, 0, run.recipe.data.workers, *place)) as batches:
        for begin, end in pairwise([0, *within, trainer.steps]):
            share = (end - begin) / trainer.steps
            step += share * step_seconds(trainer, batches, begin, share * seconds, watch)
    look = look_seconds(trainer, dataset, run) if processes.leads else 0.0
    slowest = processes.maxima(int(step * MICROSECONDS), int(look * MICROSECONDS))
    return Pace(*(max(1, number) / MICROSECONDS for number in slowest))


def step_seconds(trainer: Trainer, batches: Iterator[Batch], first: int, seconds: float, watch: Watch) -> float:
    """Mean seconds of a step from ``first`` on."""
    processes, times = trainer.processes, list[float]()
    for number in count(-WARMING[processes.device.type]):
        began = time.perf_counter()
        try:
            trainer.advance(batches, first + max(number, 0), faults=0).look()
        except Fault as fault:
            raise DiptychError(
                f"the rate cannot be measured: {fault}; say training.steps in place of --minutes."
            ) from None
        if number >= 0:
            times.append(time.perf_counter() - began)
        enough = len(times) >= LEAST and sum(times) >= seconds
        stop, enough = map(bool, processes.maxima(int(watch.interrupted), int(enough)))
        if stop:
            raise KeyboardInterrupt
        if enough:
            return sum(times) / len(times)
    raise AssertionError


def look_seconds(trainer: Trainer, dataset: Dataset, run: Run) -> float:
    """Seconds of validating, drawing and saving once."""
    settings, state = run.recipe.training, trainer.state
    pictures = run.splits.validation()
    began = time.perf_counter()
    state.statistics = precise_statistics(trainer, dataset)
    if pictures is not None:
        validation = Validation(run.recipe, trainer.processes.device, pictures)
        validation.scores(state, settings.validate_pictures)
        validation.grid(state, settings.pictures)
    with tempfile.TemporaryDirectory() as folder:
        checkpoints.save(Path(folder) / "checkpoint.safetensors", state.tensors(), {"step": 0})
    return time.perf_counter() - began
