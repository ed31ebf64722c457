"""What is kept of a run for those who look later: its events, its faults, and the report."""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from diptych.errors import DiptychError
from diptych.report import LiveReport
from diptych.training.processes import Processes, environment
from diptych.training.run import Run


class Record:
    """Writes ``events.jsonl``, ``faults.jsonl`` and ``report.html`` in the process that leads; ``say`` receives sentences."""

    def __init__(
        self, run: Run, processes: Processes, say: Callable[[str], None], opens: Callable[[Path], None] | None
    ) -> None:
        self.run = run
        self.processes = processes
        self.say = say
        self.opens = opens  # called once with the report, when it is first written
        self.standing_report: LiveReport | None = None
        self.started = sys.maxsize  # the step at which this process has recorded its start

    def keep_report(self) -> None:
        """From now on there is a report."""
        self.standing_report = LiveReport(self.run.folder, self.say)

    def report(self) -> None:
        """Bring the report up to date, and show it the first time where that was asked for."""
        place = self.standing_report.write() if self.standing_report is not None else None
        if place is not None and self.opens is not None:
            self.opens(place)
            self.opens = None

    def event(self, kind: str, step: int, words: str, **facts: Any) -> None:
        """Keep what happened."""
        if self.processes.leads:
            self.run.append("events.jsonl", {"step": step, "kind": kind, "words": words, **facts})

    def health(self, step: int, sentence: str) -> None:
        self.say(sentence)
        self.event("health", step, sentence)

    def fault(self, step: int, faults: int, what: str) -> None:
        sentence = f"Fault {faults} at step {step}: {what}. The step is dropped and the last good checkpoint restored."
        self.say(sentence)
        if self.processes.leads:
            self.run.append("faults.jsonl", {"step": step, "fault": faults, "what": what})
        self.event("fault", step, sentence, fault=faults)

    def start(self, step: int, steps: int, summary: str) -> None:
        """Record a start once; after a fault it is recorded already, unless it lies after the restored step."""
        if step < self.started:
            self.event("start", step, summary, steps=steps, environment=environment(self.processes))
            self.started = step

    def end(self, step: int, steps: int, words: str) -> None:
        """Record the end of a run that is over where none is recorded yet."""
        told = [entry for entry in self.run.entries("events.jsonl") if entry.get("kind") in ("start", "end")]
        if [(entry["kind"], entry.get("words")) for entry in told[-1:]] != [("end", words)]:
            self.event("end", step, words, steps=steps)

    def failed(self, step: int, steps: int, sentence: str) -> None:
        """Training ends with a failure: record it as far as the disk still takes it."""
        with suppress(DiptychError):
            self.event("end", step, f"Failed: {sentence}", steps=steps)
            self.report()
