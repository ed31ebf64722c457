"""What the report says of a run, as texts and rows of tables; its template escapes them."""

import operator
import re
from collections.abc import Mapping
from typing import Any

from diptych.report.curves import Curve, whole
from diptych.report.facts import Facts, subtable
from diptych.tables import flatten

FIELD = (
    ", the output as the registration network moves it onto the target, and its field: grey where it moves nothing, the "
    "colour is the direction, and full colour means 8 pixels or more. Where colour covers wrong shapes, the field hides errors "
    "of the output; raise options.smoothness"
)
TASKS = {
    "pairs": "pairs of pictures",
    "unpaired": "two sets of unpaired pictures",
    "edges": "pictures and their edges",
    "greyscale": "pictures and their grey versions",
    "colorization": "pictures and their lightness",
}
DIRECTIONS = {"a-to-b": "from A to B, left to right", "b-to-a": "from B to A, right to left"}
TERMS = ("licence", "license", "attribution", "citation")
ABSOLUTE = re.compile(r"(?:(?<![\w.:/<])/|\b[A-Za-z]:[\\/]|\\\\)[^\s,;:'\"“”()\[\]]*[^\s,;:.'\"“”()\[\]]")


class Texts:
    """The texts of one run, without the machine's paths except those in the recipe."""

    def __init__(self, facts: Facts) -> None:
        self.facts, self.settings = facts, flatten(facts.recipe)
        self.in_recipe = [value for value in self.settings.values() if isinstance(value, str) and value]

    def text(self, value: Any) -> str:
        text = str(value)
        return text if text in self.in_recipe else ABSOLUTE.sub(lambda found: self.shortened(found.group()), text)

    def value(self, value: Any) -> str:
        """As ``text``, for a single value: one that begins like a path is a path as a whole, spaces included."""
        text = str(value)
        return self.shortened(text) if ABSOLUTE.match(text) else self.text(text)

    def shortened(self, place: str) -> str:
        return place if place in self.in_recipe else last_part(place)

    # From top to bottom

    def summary(self) -> list[str]:
        """The run in sentences."""
        facts, data = self.facts, subtable(self.facts.recipe, "data")
        task = TASKS.get(str(data.get("task")), "pictures")
        direction = DIRECTIONS.get(str(data.get("direction"))) if data.get("task") == "pairs" else None
        trained = f"trained on {task} in “{last_part(data.get('folder'))}”" + (f", {direction}" if direction else "")
        names = [str(subtable(card, "provenance").get("recipe", "")) for card in facts.cards]
        recipe = f" Recipe {names[0]}." if names and names[0] else ""
        started = str(facts.starts[-1].get("words", "")) if facts.starts else ""
        return list(filter(None, [f"A {facts.recipe.get('system')} translator, {trained}.{recipe}", started]))

    def further(self) -> str:
        """What a system's grids show beside source, output and target."""
        registers = subtable(self.facts.recipe, "options").get("registration", True)
        return FIELD if self.facts.recipe.get("system") == "reggan" and registers else ""

    def state(self) -> str:
        last = self.facts.last
        if self.facts.live:
            return "Training is running; this page reloads itself."
        if self.facts.unfinished:
            return "Training or its machine stopped without recording an end; the same command resumes it."
        if last.get("kind") == "pause":
            return "Training was interrupted; the same command resumes it."
        return str(last.get("words", "")) if last.get("kind") == "end" else ""

    def protocol(self, results: Any) -> str:
        facts = subtable(results, "protocol").items()
        shown = [(key, value) for key, value in facts if isinstance(value, str | int) and value != ""]
        return ", ".join(f"{key} {self.value(value)}" for key, value in shown)

    def scores(self, results: Any) -> list[list[str]]:
        """Metric, value, 95 % interval, better, and with what it was measured, for each score."""
        rows = []
        for score in scores_in(results):
            low, high = score.get("low"), score.get("high")
            ranged = isinstance(low, int | float) and isinstance(high, int | float) and low != high
            interval = f"{figure(low)} to {figure(high)}" if ranged else ""
            remarks = "; ".join(str(score[key]) for key in ("network", "note") if score.get(key))
            metric, better = self.text(score.get("metric", "")), self.text(score.get("better") or "")
            rows.append([metric, figure(score.get("value")), interval, better, self.text(remarks)])
        return rows

    def notes(self, results: Any) -> list[str]:
        notes = results.get("notes") if isinstance(results, dict) else None
        return [self.text(note) for note in notes] if isinstance(notes, list) else []

    def card(self, card: Mapping[str, Any]) -> dict[str, Any]:
        """The rows of a translator's table."""
        known = {key: card[key] for key in ("averaged", "seed") if key in card}
        return known | subtable(card, "arguments") | subtable(card, "provenance")

    def terms(self) -> str:
        """What is to be said of the training pictures beside the cards."""
        if str(subtable(self.facts.recipe, "data").get("folder", "")).startswith("openmoji"):
            return (
                "Trained on drawings by OpenMoji (openmoji.org), CC BY-SA 4.0: name them, and share what you make of "
                "them under the same terms."
            )
        if any(key.lower() in TERMS for card in self.facts.cards for key in subtable(card, "provenance")):
            return ""
        return (
            "Whoever shares this model should state the terms of its training pictures; the run does not record them."
        )

    def environments(self) -> list[tuple[int, dict[str, Any]]]:
        """The environments of the last starts, and from which step on; a run may move between machines."""
        found: list[tuple[int, dict[str, Any]]] = []
        for start in self.facts.starts:
            facts = subtable(start, "environment")
            if facts and (not found or found[-1][1] != facts):
                found.append((whole(start.get("step")), facts))
        return found[-5:]


def best(key: str, curve: Curve) -> tuple[float, int]:
    """A score's best value and its step: the highest of PSNR and SSIM, of shares of the targets' the nearest to 1, else the lowest."""
    values = zip(curve.means, curve.steps, strict=True)
    if key in ("psnr", "ssim"):
        return max(values, key=operator.itemgetter(0))
    return min(values, key=lambda entry: abs(entry[0] - 1) if key == "change" else entry[0])


def duration(pace: Curve | None) -> str:
    """How long the steps took by the logged steps a second; empty where none are logged."""
    if pace is None:
        return ""
    steps = zip([0, *pace.steps], pace.steps, pace.means, strict=False)
    seconds = sum((now - before) / rate for before, now, rate in steps if rate > 0 and now > before)
    minutes = round(seconds / 60)
    return (
        f"{minutes // 60} h {minutes % 60} min"
        if minutes >= 60
        else f"{minutes} min"
        if minutes
        else f"{seconds:.0f} s"
    )


def last_part(place: Any) -> str:
    """The last name of a path of any operating system."""
    return re.split(r"[\\/]", str(place).rstrip("\\/"))[-1]


def card_sentence(card: Mapping[str, Any]) -> str:
    """A card in a sentence or two."""

    def kind(side: str) -> str:
        held = subtable(card, side)
        channels = f" of {held['channels']} channels" if held.get("channels") else ""
        return f"{held.get('colour', 'unknown')} {held.get('depth', '')}{channels}".strip()

    size = card.get("size")
    seen = f" It was trained on {size[1]} x {size[0]} pixels" if isinstance(size, list) and len(size) == 2 else ""
    fits = f" and pads pictures to multiples of {card['multiple']}" if seen and card.get("multiple") else ""
    network = f"A {card.get('network')} that turns pictures ({kind('source')}) into pictures ({kind('target')})."
    return f"{network}{seen}{fits}" + ("." if seen else "")


def scores_in(results: Any) -> list[Mapping[str, Any]]:
    """The rows of a scores.json: its list of scores, a bare list, or any table of numbers."""
    listed = results.get("scores", results) if isinstance(results, dict) else results
    if isinstance(listed, list):
        return [score for score in listed if isinstance(score, dict)]
    flat = flatten(listed) if isinstance(listed, dict) else {}
    return [{"metric": key, "value": value} for key, value in flat.items() if isinstance(value, int | float | str)]


def figure(value: Any) -> str:
    """A value of JSON, in which infinity is null."""
    return "infinite" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
