"""Progress, logs, scores, sample grids, checkpoints, health and early end of a run."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from diptych.data import Dataset
from diptych.errors import DiptychError
from diptych.machine.signals import announce
from diptych.pictures import formats
from diptych.training.monitoring.callbacks import Callback, Callbacks, Training
from diptych.training.monitoring.health import Health
from diptych.training.monitoring.progress import MetricTime, Progress
from diptych.training.monitoring.record import Record
from diptych.training.monitoring.tensorboard import Board
from diptych.training.processes import Processes, conditions
from diptych.training.run import Run
from diptych.training.state import State
from diptych.training.statistics import precise_statistics
from diptych.training.terms import described
from diptych.training.trainer import Entry, Fault, Trainer
from diptych.training.validation import Validation, describe


class Watch:
    """Stands beside the loop; ``say`` receives plain sentences."""

    def __init__(
        self,
        run: Run,
        processes: Processes,
        say: Callable[[str], None] = print,
        opens: Callable[[Path], None] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.run = run
        self.processes = processes
        self.settings = run.recipe.training
        self.progress = Progress(say)
        self.say = self.progress.say if processes.leads else lambda sentence: None
        self.stop = False  # the same in all processes
        self.paused = False  # so that the rest is for another time
        self.interrupted = False  # this process was asked to stop, or has heard that another was
        self.measuring = False  # the steps of a length in minutes are not known yet, so nothing will be saved
        self.reason = ""
        self.window: list[Entry] = []
        self.last: Entry | None = None
        self.saved = -1
        self.summary = ""
        self.at = 0
        self.record = Record(run, processes, self.say, opens)
        self.callbacks = Callbacks(callbacks if processes.leads else ())
        self.why = "Interrupted"

    # What the loop calls

    @property
    def state(self) -> State:
        return self.trainer.state

    def begin(self, trainer: Trainer, dataset: Dataset) -> None:
        self.trainer, self.dataset = trainer, dataset
        self.steps, self.settings = trainer.steps, trainer.settings
        self.health = Health(self.steps, self.settings.log_every, self.run.recipe.options)
        self.summary = trainer.summary()
        self.say(self.summary)
        terms = [f"Extra loss terms: {described(self.run.terms)}."] if self.run.terms else []
        for note in (*self.state.system.notes, *terms, *(self.run.splits.notes() if self.processes.leads else ())):
            self.say(note)
        self.validation: Validation | None = None
        self.callbacks.training = Training(self.run, trainer, self.stop_for)
        if not self.processes.leads:
            return
        describe(self.run, self.state)
        if self.settings.report:
            self.record.keep_report()
        if (pictures := self.run.splits.validation()) is not None:
            self.validation = Validation(self.run.recipe, self.processes.device, pictures)
            self.validation.prepare(self.say)
            self.metrics = MetricTime(self.settings.metrics_share)
        if self.settings.tensorboard:
            self.callbacks.each.insert(0, Board(self.run.folder))

    def resumed(self, step: int, faults: int) -> None:
        """The loop stands at ``step``: what the logs say of later steps is void."""
        for message in self.run.messages:
            self.say(message)
        self.run.messages.clear()
        self.window, self.saved, self.last = [], step, None
        below, most = self.processes.maxima(-step, step)
        if -below < most:
            raise DiptychError(
                f"the processes of this run see different checkpoints in {self.run.folder}, of step {-below} and of step {most}; "
                f"let all see the same folder."
            )
        if self.processes.leads:
            self.run.forget_after(step)
            for kind, sentence in self.run.remarks:
                self.record.event(kind, step, sentence)
            self.run.remarks.clear()
        if step:
            self.say(
                f"Resumed at step {step} of {self.steps}."
                if step < self.steps
                else f"The run is complete: {step} steps."
            )
        self.at = step
        self.callbacks.start(step)
        if self.processes.leads:
            self.catch_up(step, faults)
            if not self.reason:
                self.end_early(step, *self.run.standing(self.settings.best))
            if self.reason or step == self.steps:
                self.record.end(step, self.steps, self.reason or f"Complete: {step} steps.")
            else:
                self.record.start(step, self.steps, self.summary)
            self.record.report()
        self.stop = self.processes.any_process(bool(self.reason))
        self.progress.start(step, self.steps)

    def catch_up(self, step: int, faults: int) -> None:
        """Score what was saved when an error had kept it from being scored, and from having statistics of its own."""
        due = step > 0 and (step % self.settings.validate_every == 0 or step == self.steps)
        if due and self.validation and all(entry["step"] != step for entry in self.run.entries("scores.jsonl")):
            self.gather_statistics()
            self.score(step, self.validation)
            if self.state.statistics and self.processes.size == 1:
                self.keep(step, faults)

    def after(self, step: int, faults: int, entry: Entry) -> None:
        """After the update that made ``step`` steps: log, look and save where it is time.

        Raises:
            Fault: where it is time and something is not finite.
        """
        settings, last = self.settings, step == self.steps
        self.at = step
        self.window.append(entry)
        heard = self.last if entry.awaited and self.last is not None else entry  # what is awaited is not waited for
        self.last = entry
        self.callbacks.tell_steps(entry)
        self.stop = self.interrupted if self.processes.size == 1 else heard.get("stop", 0) > 0
        if self.stop:
            self.interrupt()
        due = (settings.picture_every, settings.validate_every, settings.checkpoint_every)
        kept = last or self.stop or any(step % every == 0 for every in due)
        if kept:
            entry.look()
            self.callbacks.tell_steps()
        if step % settings.log_every == 0 or last:
            self.log(step)
        if kept:
            self.require_finite()
        scored = step % settings.validate_every == 0 or last
        if self.validation is not None:
            if step % settings.picture_every == 0 or last:
                self.draw(step, self.validation)
            if scored:
                self.score(step, self.validation)
        flags = self.processes.maxima(int(bool(self.reason)), int(self.interrupted)) if scored else [0, 0]
        ended_early, self.stop = bool(flags[0]), self.stop or bool(flags[1])
        if step % settings.checkpoint_every == 0 or last or self.stop or ended_early:
            self.save(step, faults)
        self.paused = self.stop and not (last or ended_early)
        self.stop = self.stop or ended_early

    def require_finite(self) -> None:
        """Have weights that may be drawn, scored and saved: all finite, with statistics of their own.

        Raises:
            Fault: when one is not finite, in any process.
        """
        spoiled = self.state.first_not_finite()
        if self.processes.any_process(bool(spoiled)):
            raise Fault(f'the weight "{spoiled}" is not finite' if spoiled else "a weight elsewhere is not finite")
        if self.processes.leads:
            self.gather_statistics()

    def gather_statistics(self) -> None:
        began = time.perf_counter()
        found = precise_statistics(self.trainer, self.dataset)
        finite = all(bool(torch.isfinite(value).all()) for value in found.values())
        self.state.statistics = found if finite else {}
        self.progress.set_aside(time.perf_counter() - began)

    def interrupt(self) -> None:
        """Asked from outside, at any time: save after this step and leave, all processes together; while measuring just leave."""
        if self.processes.leads and not self.interrupted:
            announce(trained=not self.measuring)
        self.interrupted = True

    def stop_for(self, reason: str) -> None:
        """Asked by a callback: save and leave as after an interruption."""
        if not self.interrupted:
            self.why = f"Stopped by a callback{f' ({reason})' if reason else ''}"
            self.say(f"{self.why}, saving at step {self.at} or soon after.")
        self.interrupted = True

    def ended(self) -> None:
        """Training is over, in order."""
        reason = self.reason or (f"{self.why} and saved." if self.paused else f"Complete: {self.steps} steps.")
        self.callbacks.call(Callback.on_end, self.at, reason)

    def finished(self, step: int) -> bool:
        return self.stop or step >= self.steps

    def failed(self, sentence: str) -> None:
        """Training ends with a failure. A start that was refused is no part of the run."""
        if self.saved >= 0:
            self.record.failed(self.at, self.steps, sentence)

    # How it is done

    def log(self, step: int) -> None:
        """One line of means since the last: losses, figures, gradient norms, and the share of time waiting for data."""
        means = {
            key: float(torch.tensor([entry[key] for entry in self.window if key in entry]).mean())
            for key in self.window[-1]
        }
        means.pop("stop", None)
        waited = means.pop("waited") * len(self.window)
        speed = self.progress.lap(step, len(self.window), waited)
        self.window = []
        if self.processes.leads:
            line: dict[str, Any] = {"step": step, **means, **speed}
            self.run.append("log.jsonl", line)
            self.callbacks.call(Callback.on_log, step, {**means, **speed})
            self.progress.show(step, means)
            for sentence in self.health.losses(step, means):
                self.record.health(step, sentence)

    def draw(self, step: int, validation: Validation) -> None:
        picture = validation.grid(self.state, self.settings.pictures)
        formats.write(self.run.folder / "pictures" / f"{step:08d}.png", picture)
        self.callbacks.call(Callback.on_pictures, step, picture)

    def score(self, step: int, validation: Validation) -> None:
        """Validate, keep the best, and see whether the run should end."""
        began = time.perf_counter()
        scores = validation.scores(self.state, self.settings.validate_pictures)
        if self.settings.metrics and (step == self.steps or self.metrics.affordable()):
            with self.metrics.taken():
                scores = validation.measured(self.state, self.settings.validate_pictures) | scores
        elif self.settings.metrics:
            self.say(f"training.metrics are passed over at step {step}: they have had their share of the time.")
        self.progress.set_aside(time.perf_counter() - began)
        self.run.append("scores.jsonl", {"step": step, **scores, **validation.remarks(scores)})
        self.say(f"Validation at step {step}:  {validation.shown(scores)}")
        for sentence in self.health.scores(step, scores):
            self.record.health(step, sentence)
        best, since = self.run.standing(self.settings.best)
        if best == step:
            tensors = self.state.tensors(moments=False)
            self.run.save_best(step, tensors, self.settings.best, scores[self.settings.best])
        for sentence in self.health.standstill(step, since, self.settings.best, best):
            self.record.health(step, sentence)
        self.end_early(step, best, since)
        self.callbacks.call(Callback.on_validation, step, scores)

    def end_early(self, step: int, best: int, since: int) -> None:
        settings = self.settings
        waited = settings.stop_after and since >= settings.stop_after and step - best >= settings.patience * self.steps
        if waited and step < self.steps:
            self.reason = f"Stopped early at step {step}: no better {settings.best} in {since} validations."
            self.say(f"{self.reason} training.stop_after=0 trains on.")

    def save(self, step: int, faults: int) -> None:
        if step == self.saved:
            return
        began, apart = time.perf_counter(), self.state.differing_buffers()
        if self.processes.leads:
            self.keep(step, faults, apart)
            if step == self.steps or self.reason:
                self.record.event("end", step, self.reason or f"Complete: {step} steps.")
            elif self.stop:
                self.record.event("pause", step, f"{self.why} and saved.")
            self.record.report()
            self.callbacks.call(Callback.on_checkpoint, step, self.run.path_of(step))
            self.progress.set_aside(time.perf_counter() - began)
        self.saved = step
        self.processes.wait()

    def keep(self, step: int, faults: int, apart: Mapping[str, torch.Tensor] = MappingProxyType({})) -> None:
        made: dict[str, int | str] = {"faults": faults, **conditions(self.settings, self.processes)}
        if self.run.terms:
            made["terms"] = described(self.run.terms)
        self.run.save(step, {**self.state.tensors(), **apart}, made)
