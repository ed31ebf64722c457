"""Curves of a log's numbers, with a bounded number of points whatever the log's length."""

import math
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from diptych.files import from_json

POINTS = 500  # of a curve that is longer than that; at most twice as many
CURVES = 30  # of one log, at most


class Curve:
    """A value over the steps. A long curve has the mean, lowest and highest value of each ``stretch`` of entries."""

    def __init__(self, steps: Sequence[float], values: Sequence[float]) -> None:
        self.stretch = 1
        while len(values) // self.stretch >= 2 * POINTS:
            self.stretch *= 2
        starts = range(0, len(values), self.stretch)
        parts = [values[start : start + self.stretch] for start in starts]
        self.steps = [int(steps[start : start + self.stretch][-1]) for start in starts]
        self.means = [math.fsum(part) / len(part) for part in parts]
        self.lows = list(map(min, parts))
        self.highs = list(map(max, parts))


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
    found: dict[str, tuple[array[float], array[float]]] = {}
    last = 0
    for entry in lines(path):
        last = whole(entry.get("step"), last)
        for key, held in entry.items():
            value = number(held)
            if key == "step" or value is None or (key not in found and len(found) == CURVES):
                continue
            steps, values = found.setdefault(key, (array("d"), array("d")))
            steps.append(last)
            values.append(value)
    return {key: Curve(*entries) for key, entries in found.items()}, last
