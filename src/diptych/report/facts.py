"""What a run folder tells, reduced so that its size does not grow with the run's length."""

import base64
import io
import json
import math
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from diptych.errors import DiptychError

POINTS = 600  # of a curve, at most twice as many
GRIDS = 24  # sample grids, first and last among them
GRID_BYTES = 300_000  # of one encoded grid
GRID_SIDE = 1600  # its longer side, at most
EVENTS = 200  # the last ones


@dataclass
class Curve:
    """A value over the steps, as means of ever longer stretches once there are many."""

    steps: list[int] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    stretch: int = 1
    held: list[tuple[int, float]] = field(default_factory=list)

    def add(self, step: int, value: float) -> None:
        if not math.isfinite(value):
            return
        self.held.append((step, value))
        if len(self.held) == self.stretch:
            self.close()
        if len(self.steps) >= 2 * POINTS:
            self.halve()

    def close(self) -> None:
        """Make a point of what is held."""
        if self.held:
            self.steps.append(self.held[-1][0])
            self.values.append(sum(value for _, value in self.held) / len(self.held))
            self.held = []

    def halve(self) -> None:
        """Half as many points, each the mean of two."""
        pairs = zip(self.values[::2], self.values[1::2], strict=True)
        self.values = [((one or 0.0) + (other or 0.0)) / 2 for one, other in pairs]
        self.steps = self.steps[1::2]
        self.stretch *= 2


@dataclass
class Facts:
    """Everything that the page shows."""

    name: str
    recipe: dict[str, Any]
    log: dict[str, Curve]
    scores: dict[str, Curve]
    step: int
    starts: list[dict[str, Any]]
    events: list[dict[str, Any]]
    grids: list[Path]
    cards: list[dict[str, Any]]
    evaluations: list[tuple[str, dict[str, Any], Path]]

    @property
    def steps(self) -> int:
        """Of the whole run; 0 where the run does not say."""
        return int(self.starts[-1].get("steps", 0)) if self.starts else 0

    @property
    def live(self) -> bool:
        """Training goes on, as far as the folder tells."""
        return bool(self.events) and self.events[-1]["kind"] not in ("end", "pause") and self.step < self.steps


def gather(folder: Path) -> Facts:
    """Read a run folder.

    Raises:
        DiptychError: when it is no run.
    """
    try:
        recipe = tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DiptychError(f"{folder} is no run: it has no recipe.toml.") from None
    except (OSError, ValueError) as problem:
        raise DiptychError(f"{folder / 'recipe.toml'} cannot be read: {problem}.") from None
    log, last = curves(folder / "log.jsonl")
    scores, scored = curves(folder / "scores.jsonl")
    events = [entry for entry in lines(folder / "events.jsonl") if "kind" in entry]
    faults = [
        {"step": entry.get("step", 0), "kind": "fault", "words": f"fault {entry.get('fault')}: {entry.get('what')}"}
        for entry in lines(folder / "faults.jsonl")
    ]
    return Facts(
        name=folder.resolve().name,
        recipe=recipe,
        log=log,
        scores=scores,
        step=max(last, scored),
        starts=[event for event in events if event["kind"] == "start"],
        events=sorted(faults[-EVENTS:], key=lambda event: int(event["step"])) + events[-EVENTS:],
        grids=spread(sorted((folder / "pictures").glob("*.png"))),
        cards=cards_of(folder / "card.json"),
        evaluations=evaluations_of(folder / "evaluation"),
    )


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file that may be absent, or end in half a line; one at a time."""
    with suppress(FileNotFoundError), open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    yield entry


def curves(path: Path) -> tuple[dict[str, Curve], int]:
    """A curve for every number in a log, and the last step."""
    found: dict[str, Curve] = {}
    last = 0
    for entry in lines(path):
        last = int(entry.get("step", last))
        for key, value in entry.items():
            if key != "step" and isinstance(value, int | float):
                found.setdefault(key, Curve()).add(last, float(value))
    for curve in found.values():
        curve.close()
    return found, last


def spread(grids: list[Path]) -> list[Path]:
    """At most GRIDS of them, evenly, with the first and the last."""
    if len(grids) <= GRIDS:
        return grids
    return [grids[place * (len(grids) - 1) // (GRIDS - 1)] for place in range(GRIDS)]


def cards_of(path: Path) -> list[dict[str, Any]]:
    with suppress(OSError, ValueError, KeyError, TypeError):
        cards: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["translators"]
        return cards
    return []


def evaluations_of(folder: Path) -> list[tuple[str, dict[str, Any], Path]]:
    """Name, kept verdict and sheet of every evaluation of the run."""
    found = []
    for place in sorted(folder.glob("*/scores.json")):
        with suppress(OSError, ValueError):
            found.append((place.parent.name, json.loads(place.read_text(encoding="utf-8")), place.parent / "sheet.png"))
    return found


def embedded(path: Path) -> str:
    """A picture as a data address, WebP of at most about GRID_BYTES; empty where it cannot be read."""
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return ""
    picture.thumbnail((GRID_SIDE, GRID_SIDE), Image.Resampling.LANCZOS)
    for quality in (80, 60, 40):
        data = encoded(picture, quality)
        if len(data) <= GRID_BYTES:
            break
    while len(data) > GRID_BYTES and min(picture.size) > 64:
        picture = picture.resize((picture.width * 3 // 4, picture.height * 3 // 4), Image.Resampling.LANCZOS)
        data = encoded(picture, 60)
    return "data:image/webp;base64," + base64.b64encode(data).decode()


def encoded(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()
