"""Callbacks: one's own code beside the training, told of steps, scores, pictures and checkpoints, which may stop the run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import UsageError
from diptych.systems import System
from diptych.tables import closest
from diptych.training.run import Run
from diptych.training.trainer import Entry, Trainer

OF_THE_LOOP = {"rate", "waited", "stop"}
"""Of a step's entry, what the system has not given."""


class Training:
    """What a callback is shown of the training that it stands beside."""

    def __init__(self, run: Run, trainer: Trainer, stop: Callable[[str], None]) -> None:
        self.run = run
        self.trainer = trainer
        self.ask_to_stop = stop

    @property
    def steps(self) -> int:
        """How many the run has, when it is complete."""
        return self.trainer.steps

    @property
    def system(self) -> System:
        """Networks and their weights as they are now. To change them ends exact resumption."""
        return self.trainer.state.system

    def stop(self, reason: str = "") -> None:
        """End the run as an interruption does: it is saved, and the same call goes on with it.

        It ends after this step, or after the next where it is asked from ``on_pictures`` or ``on_checkpoint``; of several processes,
        or on a GPU, up to two steps later. ``reason`` is said, and kept among the run's events.
        """
        self.ask_to_stop(reason)


class Callback:
    """The base of callbacks; each method does nothing until it is overridden.

    All are called in the process that leads (rank 0), in the order in which the callbacks were given. ``step`` is how many steps
    were made. An error that a method raises ends the training, which is saved as after any failure.
    After a fault (NaN), the steps since the last checkpoint are made, and told, again.
    """

    def __init_subclass__(cls) -> None:
        for name in vars(cls):
            if name.startswith("on_") and not hasattr(Callback, name):
                known = [one for one in vars(Callback) if one.startswith("on_")]
                raise UsageError(
                    f"{cls.__name__}.{name} is never called{closest(name, known)}; there are {', '.join(known)}."
                )

    def on_start(self, training: Training, step: int) -> None:
        """Training is about to begin, or to go on, after ``step`` steps."""

    def on_step(self, training: Training, step: int, losses: Mapping[str, float]) -> None:
        """A step was made: its weighted terms, figures and gradient norms, such as "generator.l1" and "generator.gradient".

        On CUDA a step is told when the next one has been launched, so that the GPU never waits; ``training.system`` is ahead by one.
        """

    def on_log(self, training: Training, step: int, means: Mapping[str, float]) -> None:
        """Every ``training.log_every`` steps: the means of ``on_step``'s numbers, the rate, and steps a second."""

    def on_validation(self, training: Training, step: int, scores: Mapping[str, float]) -> None:
        """Every ``training.validate_every`` steps and at the end: "l1", "psnr", "ssim", and those of ``training.metrics``."""

    def on_pictures(self, training: Training, step: int, grid: np.ndarray) -> None:
        """Every ``training.picture_every`` steps and at the end: the sample grid, uint8 (height, width, 3).

        A row is a validation picture: source, output, target, and of two ways the target's output.
        """

    def on_checkpoint(self, training: Training, step: int, path: Path) -> None:
        """A checkpoint was saved as ``path``."""

    def on_end(self, training: Training, step: int, reason: str) -> None:
        """Training has ended and is saved: it is complete, or was stopped. Not called after an error."""


class Callbacks:
    """Those of a run, called one after the other."""

    training: Training

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.each = list(callbacks)
        self.untold: list[Entry] = []
        """Steps whose numbers are awaited."""
        self.started = False

    def call(self, method: Callable[..., None], *facts: Any) -> None:
        """Call that method of ``Callback``, or what stands in its place, of each."""
        for callback in self.each:
            getattr(callback, method.__name__)(self.training, *facts)

    def start(self, step: int) -> None:
        """The loop stands at ``step``, for the first time or after a fault."""
        self.untold.clear()
        if not self.started:
            self.call(Callback.on_start, step)
        self.started = True

    def tell_steps(self, *entries: Entry) -> None:
        """Tell of these steps, and of those before, as far as their numbers are there."""
        self.untold += entries if self.each else ()
        while self.untold and not self.untold[0].awaited:
            entry = self.untold.pop(0)
            self.call(
                Callback.on_step,
                entry.step + 1,
                {key: value for key, value in entry.known.items() if key not in OF_THE_LOOP},
            )
