"""Progress, logs, scores, sample grids, checkpoints, health and early end of a run."""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from diptych.data import Dataset
from diptych.errors import DiptychError
from diptych.machine.signals import announce
from diptych.pictures import formats
from diptych.report import LiveReport
from diptych.training.monitoring.health import Health
from diptych.training.monitoring.progress import MetricTime, Progress
from diptych.training.monitoring.tensorboard import Board
from diptych.training.processes import Processes, conditions, environment
from diptych.training.run import Run
from diptych.training.state import State
from diptych.training.statistics import precise_statistics
from diptych.training.trainer import Entry, Fault, Trainer
from diptych.training.validation import Validation


class Watch:
    """Stands beside the loop; ``say`` receives plain sentences."""

    def __init__(
        self,
        run: Run,
        processes: Processes,
        say: Callable[[str], None] = print,
        opens: Callable[[Path], None] | None = None,
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
        self.started = sys.maxsize  # the step at which this process has recorded its start
        self.standing_report: LiveReport | None = None
        self.opens = opens  # called once with the report, when it is first written

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
        for note in self.state.system.notes:
            self.say(note)
        self.validation = Validation(self.run.recipe, self.processes.device) if self.processes.leads else None
        if self.validation is not None:
            self.validation.describe(self.run, self.state)
            self.validation.prepare(self.say)
            self.standing_report = LiveReport(self.run.folder, self.say) if self.settings.report else None
            self.metrics = MetricTime(self.settings.metrics_share)
        self.board = Board(self.run.folder if self.processes.leads and self.settings.tensorboard else None)

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
                self.event(kind, step, sentence)
            self.run.remarks.clear()
        if step:
            self.say(
                f"Resumed at step {step} of {self.steps}."
                if step < self.steps
                else f"The run is complete: {step} steps."
            )
        self.at = step
        if self.processes.leads:
            self.catch_up(step, faults)
            if not self.reason:
                self.end_early(step, self.run.standing(self.settings.best)[1])
            self.started_or_ended(step)
            self.report()
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

    def started_or_ended(self, step: int) -> None:
        """Record a start once, and the end of a run that is over where none is recorded yet."""
        if self.reason or step == self.steps:
            words = self.reason or f"Complete: {step} steps."
            told = [entry for entry in self.run.entries("events.jsonl") if entry.get("kind") in ("start", "end")]
            if [(entry["kind"], entry.get("words")) for entry in told[-1:]] != [("end", words)]:
                self.event("end", step, words, steps=self.steps)
        elif step < self.started:  # after a fault it is recorded already, unless it lies after the restored step
            self.event("start", step, self.summary, steps=self.steps, environment=environment(self.processes))
            self.started = step

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
        self.stop = self.interrupted if self.processes.size == 1 else heard.get("stop", 0) > 0
        if self.stop:
            self.interrupt()
        due = (settings.picture_every, settings.validate_every, settings.checkpoint_every)
        kept = last or self.stop or any(step % every == 0 for every in due)
        if kept:
            entry.look()
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
        ended_early = scored and self.processes.any_process(bool(self.reason))
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

    def event(self, kind: str, step: int, words: str, **facts: Any) -> None:
        """Keep what happened for those who look later."""
        if self.processes.leads:
            self.run.append("events.jsonl", {"step": step, "kind": kind, "words": words, **facts})

    def report(self) -> None:
        """Bring the report up to date, and show it the first time where that was asked for."""
        place = self.standing_report.write() if self.standing_report is not None else None
        if place is not None and self.opens is not None:
            self.opens(place)
            self.opens = None

    def interrupt(self) -> None:
        """Asked from outside, at any time: save after this step and leave, all processes together; while measuring just leave."""
        if self.processes.leads and not self.interrupted:
            announce(trained=not self.measuring)
        self.interrupted = True

    def finished(self, step: int) -> bool:
        return self.stop or step >= self.steps

    def fault(self, step: int, faults: int, what: str) -> None:
        sentence = f"Fault {faults} at step {step}: {what}. The step is dropped and the last good checkpoint restored."
        self.say(sentence)
        if self.processes.leads:
            self.run.append("faults.jsonl", {"step": step, "fault": faults, "what": what})
        self.event("fault", step, sentence, fault=faults)

    def failed(self, sentence: str) -> None:
        """Training ends with a failure: record it as far as the disk still takes it. A start that was refused is no part of the run."""
        if self.saved < 0:
            return
        with suppress(DiptychError):
            self.event("end", self.at, f"Failed: {sentence}", steps=self.steps)
            self.report()

    def health_event(self, step: int, sentence: str) -> None:
        self.say(sentence)
        self.event("health", step, sentence)

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
            self.board.scalars(line, step)
            self.progress.show(step, means)
            for sentence in self.health.losses(step, means):
                self.health_event(step, sentence)

    def draw(self, step: int, validation: Validation) -> None:
        picture = validation.grid(self.state, self.settings.pictures)
        formats.write(self.run.folder / "pictures" / f"{step:08d}.png", picture)
        self.board.picture(picture, step)

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
        entry = {"step": step, **scores}
        self.run.append("scores.jsonl", entry | validation.remarks(scores))
        self.board.scalars({f"validation.{key}": value for key, value in entry.items()}, step)
        self.say(f"Validation at step {step}:  {validation.shown(scores)}")
        for sentence in self.health.scores(step, scores):
            self.health_event(step, sentence)
        best, since = self.run.standing(self.settings.best)
        if best == step:
            tensors = self.state.tensors(moments=False)
            self.run.save_best(step, tensors, self.settings.best, scores[self.settings.best])
        for sentence in self.health.standstill(step, since, self.settings.best, best):
            self.health_event(step, sentence)
        self.end_early(step, since)

    def end_early(self, step: int, since: int) -> None:
        if self.settings.stop_after and since >= self.settings.stop_after:
            self.reason = f"Stopped early at step {step}: no better {self.settings.best} in {since} validations."
            self.say(self.reason)

    def save(self, step: int, faults: int) -> None:
        if step == self.saved:
            return
        began, apart = time.perf_counter(), self.state.differing_buffers()
        if self.processes.leads:
            self.keep(step, faults, apart)
            if step == self.steps or self.reason:
                self.event("end", step, self.reason or f"Complete: {step} steps.")
            elif self.stop:
                self.event("pause", step, "Interrupted and saved.")
            self.report()
            self.progress.set_aside(time.perf_counter() - began)
        self.saved = step
        self.processes.wait()

    def keep(self, step: int, faults: int, apart: Mapping[str, torch.Tensor] = MappingProxyType({})) -> None:
        made = conditions(self.settings, self.processes)
        self.run.save(step, {**self.state.tensors(), **apart}, {"faults": faults, **made})
