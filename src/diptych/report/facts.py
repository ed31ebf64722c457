"""Read the facts of a run folder, also of one that is unfinished, damaged or of an earlier version."""

import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.errors import DiptychError
from diptych.files import from_json, read_text
from diptych.report.curves import Curve, curves, lines, number, whole
from diptych.report.pictures import spread

EVENTS = 200  # shown, the last ones
EVALUATIONS = 12  # shown, the last ones


@dataclass
class Facts:
    """Everything that the report shows."""

    name: str
    recipe: dict[str, Any]
    log: dict[str, Curve]
    scores: dict[str, Curve]
    step: int
    events: list[dict[str, Any]]
    grids: list[Path]
    cards: list[dict[str, Any]]
    evaluations: list[tuple[str, Any, Path]]
    trained_now: bool = True  # False when the run's lock is free

    @property
    def starts(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == "start"]

    @property
    def last(self) -> dict[str, Any]:
        """The last start, end or pause; empty for a run of an earlier version."""
        own = [event for event in self.events if event["kind"] in ("start", "end", "pause")]
        return own[-1] if own else {}

    @property
    def steps(self) -> int:
        """Steps of the whole run; 0 when unknown."""
        logged = [whole(event.get("steps")) for event in self.events]
        settings = subtable(self.recipe, "training")
        by_recipe = 0 if number(settings.get("epochs")) else whole(settings.get("steps"))
        return next((steps for steps in reversed(logged) if steps > 0), by_recipe)

    @property
    def unfinished(self) -> bool:
        """It has a start without an end."""
        return self.last.get("kind") == "start" and (self.step < self.steps or not self.steps)

    @property
    def live(self) -> bool:
        """Training is running."""
        return self.unfinished and self.trained_now

    @property
    def tile(self) -> tuple[int, int] | None:
        """Height and width of a picture of a sample grid."""
        for card in self.cards:
            size = card.get("size")
            if isinstance(size, list) and len(size) == 2:
                return whole(size[0]), whole(size[1])
        return None


def gather(folder: Path) -> Facts:
    """Read a run folder.

    Raises:
        DiptychError: when it is no run, or a file cannot be read at all.
    """
    try:
        recipe = tomllib.loads(read_text(folder / "recipe.toml"))
    except (FileNotFoundError, NotADirectoryError):
        raise DiptychError(f"{folder} is no run: it has no recipe.toml.") from None
    except (OSError, ValueError) as problem:
        raise DiptychError(f"{folder / 'recipe.toml'} cannot be read: {problem}.") from None
    try:
        log, last = curves(folder / "log.jsonl")
        scores, scored = curves(folder / "scores.jsonl")
        return Facts(
            name=folder.resolve().name,
            recipe=recipe,
            log=log,
            scores=scores,
            step=max(last, scored),
            events=events(folder),
            grids=spread(sorted((folder / "pictures").glob("[!.]*.png"))),
            cards=cards_of(folder / "card.json"),
            evaluations=evaluations_of(folder / "evaluation"),
        )
    except OSError as problem:
        raise DiptychError(f"{problem.filename or folder} cannot be read: {problem.strerror}.") from None


def subtable(table: Any, key: str) -> dict[str, Any]:
    """A table within a table; empty where there is none."""
    found = table.get(key) if isinstance(table, dict) else None
    return found if isinstance(found, dict) else {}


def events(folder: Path) -> list[dict[str, Any]]:
    """Events in order; a run of an earlier version has its faults in ``faults.jsonl`` only."""
    found = [entry for entry in lines(folder / "events.jsonl") if isinstance(entry.get("kind"), str)]
    known = {(event.get("step"), event.get("fault")) for event in found if event["kind"] == "fault"}
    missed = [
        {**entry, "kind": "fault", "words": f"Fault {entry.get('fault')}: {entry.get('what')}."}
        for entry in lines(folder / "faults.jsonl")
        if (entry.get("step"), entry.get("fault")) not in known
    ]
    return sorted(found + missed, key=lambda event: whole(event.get("step"))) if missed else found


def cards_of(path: Path) -> list[dict[str, Any]]:
    with suppress(OSError, ValueError, KeyError, TypeError):
        return [card for card in from_json(path.read_text(encoding="utf-8"))["translators"] if isinstance(card, dict)]
    return []


def evaluations_of(folder: Path) -> list[tuple[str, Any, Path]]:
    """Name, scores.json and sheet of the run's last evaluations."""
    found = []
    for place in sorted(folder.rglob("scores.json"))[-EVALUATIONS:]:
        with suppress(OSError, ValueError):
            scores = from_json(place.read_text(encoding="utf-8"))
            found.append((str(place.parent.relative_to(folder)), scores, place.parent / "sheet.png"))
    return found
