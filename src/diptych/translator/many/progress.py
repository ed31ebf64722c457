"""What the user sees: a line while it goes, a table at the end."""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from diptych.translator.many.pipeline import Outcome, StageSeconds

MOST_NOTES = 5
BETWEEN = 0.1
"""Seconds between two states of the line."""


@dataclass
class Tally:
    """What became of the pictures."""

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
        """Pictures a second, of those that were tried."""
        return (self.done + len(self.failures) - self.refused) / max(self.seconds, 1e-9)

    def print_summary(self, out: Path, spent: StageSeconds, engine: str, interrupted: bool) -> None:
        """The result in a sentence, as a table where there were several pictures, and what was not done."""
        took = self.seconds
        print(f"{self.done} of {self.total} pictures translated into {out} ({took:.1f} s).")
        if self.total > 1:
            rows = {"translated": self.done, "already there": self.already_done, "not done": len(self.failures)}
            if interrupted:
                rows["left"] = self.left
            print(table({name: str(count) for name, count in rows.items()} | self.speed(spent, engine)))
        notes, more = self.notes[:MOST_NOTES], len(self.notes) - MOST_NOTES
        for note in [*notes, *([f"and {more} more such remarks."] if more > 0 else [])]:
            print(note, file=sys.stderr)
        for failure in self.failures:
            print(f"not done: {failure}", file=sys.stderr)
        if interrupted:
            print("interrupted; the same command goes on where this one stopped.", file=sys.stderr)

    def speed(self, spent: StageSeconds, engine: str) -> dict[str, str]:
        if not self.done:
            return {}
        whole = spent.reading + spent.translating + spent.writing
        share = {"reading": spent.reading, "writing": spent.writing}
        waits = ", ".join(f"for {name} {100 * part / max(whole, 1e-9):.0f} %" for name, part in share.items())
        return {"pictures/s": f"{self.rate:.1f}", "waited": waits, "engine": engine}


def table(rows: dict[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"  {name:{width}}  {value}" for name, value in rows.items())


class Progress:
    """One line on a terminal, written over and over."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.seen = sys.stderr.isatty()
        self.shown = 0.0

    def show(self, more: str = "") -> None:
        now = time.perf_counter()
        if not self.seen or now - self.shown < BETWEEN:
            return
        self.shown = now
        tally, rate = self.tally, self.tally.rate
        words = f"{tally.total - tally.left}/{tally.total}  {rate:.1f} pictures/s"
        if rate:
            words += f"  left {length(tally.left / rate)}"
        print(f"\r\033[K{words}{more}", end="", file=sys.stderr, flush=True)

    def tiles(self, doing: str, done: int, count: int) -> None:
        """Within a picture, for ``Translator.on_progress``."""
        self.show(f"  ({doing}: {done}/{count})")

    def clear(self) -> None:
        if self.seen:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def length(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 100 else f"{minutes} min" if minutes < 100 else f"{minutes / 60:.1f} h"
