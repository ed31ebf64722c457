"""The output of `diptych translate`: a progress line, and a summary at the end."""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from diptych.machine.progress import show
from diptych.translator.many.pipeline import Outcome, StageSeconds

MAX_NOTES = 5
REFRESH_SECONDS = 0.1
"""Of the progress line, at least."""


@dataclass
class Tally:
    """How many pictures are translated, failed and left."""

    total: int
    already_done: int = 0
    failures: list[str] = field(default_factory=list)
    done: int = 0
    notes: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.refused = len(self.failures)

    def add(self, outcome: Outcome) -> None:
        if outcome.problem:
            self.failures.append(outcome.problem)
            return
        self.done += 1
        if outcome.note:
            self.notes.append(outcome.note)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    @property
    def left(self) -> int:
        return self.total - self.already_done - self.done - len(self.failures)

    @property
    def rate(self) -> float:
        """Pictures a second, of those that were tried here."""
        return (self.done + len(self.failures) - self.refused) / max(self.seconds, 1e-9)

    def print_summary(self, out: Path, spent: StageSeconds, engine: str, interrupted: bool) -> None:
        """Print the result, a table where there were several pictures, and what failed."""
        took = self.seconds
        print(f"{self.done} of {self.total} pictures translated into {out} ({took:.1f} s).")
        if self.total > 1:
            rows = {"translated": self.done, "already there": self.already_done, "not done": len(self.failures)}
            if interrupted:
                rows["left"] = self.left
            lines = {name: str(count) for name, count in rows.items()} | self.speed(spent, engine)
            width = max(map(len, lines))
            print("\n".join(f"  {name:{width}}  {value}" for name, value in lines.items()))
        notes, more = self.notes[:MAX_NOTES], len(self.notes) - MAX_NOTES
        for note in [*notes, *([f"and {more} more such remarks."] if more > 0 else [])]:
            print(note, file=sys.stderr)
        for failure in self.failures:
            print(f"not done: {failure}", file=sys.stderr)
        if interrupted:
            print("interrupted; the same command goes on where this one stopped.", file=sys.stderr)

    def speed(self, spent: StageSeconds, engine: str) -> dict[str, str]:
        if not self.done:
            return {}
        percent = 100 / max(spent.reading + spent.translating + spent.writing, 1e-9)
        waited = f"for reading {percent * spent.reading:.0f} %, for writing {percent * spent.writing:.0f} %"
        return {"pictures/s": f"{self.rate:.1f}", "waited": waited, "engine": engine}


class Progress:
    """One line on a terminal, written over again and again; ``tally.total`` is 0 where it is not known."""

    def __init__(self, tally: Tally, what: str = "pictures") -> None:
        self.tally, self.what, self.shown = tally, what, 0.0

    def show(self, more: str = "") -> None:
        now = time.perf_counter()
        if now - self.shown < REFRESH_SECONDS:
            return
        self.shown = now
        tally, rate = self.tally, self.tally.rate
        seen = tally.total - tally.left
        text = f"{seen}/{tally.total}" if tally.total else f"{seen} {self.what}"
        text += f"  {rate:.1f} {self.what}/s"
        if rate and tally.total:
            text += f"  left {format_seconds(max(tally.left, 0) / rate)}"
        show(f"{text}{more}")


class FrameProgress(Progress):
    """The same line for the frames of a film."""

    def __init__(self, total: int) -> None:
        super().__init__(Tally(total), "frames")

    def went_on(self, before: int) -> None:
        """So many frames are there from an earlier command."""
        self.tally.already_done = before

    def add(self) -> None:
        self.tally.done += 1
        self.show()

    def summary(self) -> str:
        """How many frames, of which so many were there, and how fast."""
        tally = self.tally
        there = f" ({tally.already_done} of them before)" if tally.already_done else ""
        return f"{tally.already_done + tally.done} frames{there}, {tally.rate:.1f} a second, {tally.seconds:.1f} s:"


def format_seconds(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 100 else f"{minutes} min" if minutes < 100 else f"{minutes / 60:.1f} h"
