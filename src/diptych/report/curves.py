"""Curves of a log's numbers, with a bounded number of points whatever the log's length."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diptych.files import from_json

POINTS = 500  # of a curve that is longer than that; at most twice as many
CURVES = 30  # of one log, at most


@dataclass
class Curve:
    """A value over the steps. A long curve has the mean, lowest and highest value of each ``stretch`` of entries."""

    steps: list[int] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)
    stretch: int = 1
    held: list[tuple[int, float]] = field(default_factory=list)

    def add(self, step: int, value: float) -> None:
        self.held.append((step, value))
        if len(self.held) == self.stretch:
            self.close()
        if len(self.steps) >= 2 * POINTS:
            self.halve()

    def close(self) -> None:
        """Make a point of the held values."""
        if self.held:
            values = [value for _, value in self.held]
            self.steps.append(self.held[-1][0])
            self.means.append(math.fsum(values) / len(values))
            self.lows.append(min(values))
            self.highs.append(max(values))
            self.held = []

    def halve(self) -> None:
        """Merge each two points to one."""
        self.steps = self.steps[1::2]
        self.means = [(one + other) / 2 for one, other in zip(self.means[::2], self.means[1::2], strict=True)]
        self.lows = list(map(min, self.lows[::2], self.lows[1::2]))
        self.highs = list(map(max, self.highs[::2], self.highs[1::2]))
        self.stretch *= 2


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Iterate over the JSON objects of a file; a missing file and broken lines are skipped."""
    with suppress(FileNotFoundError), open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            with suppress(ValueError):
                entry = from_json(line)
                if isinstance(entry, dict):
                    yield entry


def number(value: Any) -> float | None:
    """A finite number, or None for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with suppress(OverflowError):
        return float(value) if math.isfinite(value) else None
    return None


def whole(value: Any, otherwise: int = 0) -> int:
    """The value as a step; ``otherwise`` when it is no number."""
    found = number(value)
    return otherwise if found is None else int(found)


def curves(path: Path) -> tuple[dict[str, Curve], int]:
    """A curve for every number in a log, and the last step."""
    found: dict[str, Curve] = {}
    last = 0
    for entry in lines(path):
        last = whole(entry.get("step"), last)
        for key, held in entry.items():
            value = number(held)
            if key == "step" or value is None:
                continue
            curve = found.get(key)
            if curve is None:
                if len(found) == CURVES:
                    continue
                curve = found[key] = Curve()
            curve.add(last, value)
    for curve in found.values():
        curve.close()
    return found, last
