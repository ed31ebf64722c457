"""The parts of the report in HTML. All text from the run is escaped here."""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from diptych.report.curves import whole
from diptych.report.facts import EVENTS, Facts, subtable
from diptych.report.plots import SCORES
from diptych.tables import flatten

TASKS = {
    "pairs": "pairs of pictures",
    "unpaired": "two sets of unpaired pictures",
    "edges": "pictures and their edges",
    "greyscale": "pictures and their grey versions",
    "colorization": "pictures and their lightness",
}
DIRECTIONS = {"a-to-b": "from A to B, left to right", "b-to-a": "from B to A, right to left"}
KINDS = ("health", "fault", "start", "end", "pause")
TERMS = ("licence", "license", "attribution", "citation")
ABSOLUTE = re.compile(r"(?:(?<![\w.:/<])/|\b[A-Za-z]:[\\/]|\\\\)[^\s,;:'\"“”()\[\]]*[^\s,;:.'\"“”()\[\]]")


class HtmlParts:
    """HTML of one run: escaped, and without the machine's paths except those in the recipe."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.in_recipe = [value for value in flatten(facts.recipe).values() if isinstance(value, str) and value]

    def safe(self, value: Any) -> str:
        text = str(value)
        if text not in self.in_recipe:
            text = ABSOLUTE.sub(lambda found: self.shortened(found.group()), text)
        return escape(text)

    def value(self, value: Any) -> str:
        """As ``safe``, for a single value: one that begins like a path is a path as a whole, spaces included."""
        text = str(value)
        return escape(self.shortened(text)) if ABSOLUTE.match(text) else self.safe(text)

    def shortened(self, place: str) -> str:
        return place if place in self.in_recipe else last_part(place)

    def table(self, values: Mapping[str, Any]) -> str:
        rows = (row(escape(str(key)), self.value(value)) for key, value in values.items())
        return f"<table class=plain>{''.join(rows)}</table>"

    # The parts, from top to bottom

    def summary(self) -> str:
        """The run in sentences, and its progress."""
        facts, data = self.facts, subtable(self.facts.recipe, "data")
        task = TASKS.get(str(data.get("task")), "pictures")
        direction = DIRECTIONS.get(str(data.get("direction"))) if data.get("task") == "pairs" else None
        trained = f"trained on {task} in “{last_part(data.get('folder'))}”" + (f", {direction}" if direction else "")
        sentences = [f"A {facts.recipe.get('system')} translator, {trained}."]
        names = [str(subtable(card, "provenance").get("recipe", "")) for card in facts.cards]
        if names and names[0]:
            sentences[0] += f" Recipe {names[0]}."
        if facts.starts:
            sentences.append(str(facts.starts[-1].get("words", "")))
        lines = [f"<p>{self.safe(sentence)}</p>" for sentence in sentences if sentence]
        done = f"Step {facts.step:,} of {facts.steps:,}." if facts.steps else f"Step {facts.step:,}."
        share = min(1.0, facts.step / facts.steps) if facts.steps else 0.0
        bar = f'<div class=bar><i style="width:{100 * share:.1f}%"></i></div>' if facts.steps else ""
        return "".join(lines) + f"<p><b>{done}</b> {self.safe(self.state())}</p>{bar}"

    def state(self) -> str:
        last = self.facts.last
        if self.facts.live:
            return "Training is running; this page reloads itself."
        if self.facts.unfinished:
            return "Training or its machine stopped without recording an end; the same command resumes it."
        if last.get("kind") == "pause":
            return "Training was interrupted; the same command resumes it."
        return str(last.get("words", "")) if last.get("kind") == "end" else ""

    def tiles(self) -> str:
        """The latest scores."""
        found = []
        for key, curve in self.facts.scores.items():
            if key in ("l1_inverted", "diversity") or not curve.steps:
                continue
            found.append(
                f"<div class=tile><span>{escape(SCORES.get(key, key))}</span><b>{curve.means[-1]:.4g}</b>"
                f"<span>at step {curve.steps[-1]:,}</span></div>"
            )
        return "".join(found)

    def order(self) -> str:
        """The columns of a sample grid."""
        back = ", output of the other direction" if len(self.facts.cards) > 1 else ""
        return f"Validation pictures, the same each time; from left to right: source, output, target{back}."

    def events(self) -> str:
        """Health warnings, faults, starts and ends, the latest last."""
        events = self.facts.events
        if not events:
            return "<p>No events were recorded.</p>"
        rows = "".join(
            f"<tr class={event['kind'] if event['kind'] in KINDS else 'other'}><td>{whole(event.get('step')):,}</td>"
            f"<td>{self.safe(event['kind'])}</td><td>{self.safe(event.get('words', ''))}</td></tr>"
            for event in events[-EVENTS:]
        )
        omitted = len(events) - EVENTS
        left = f"<p class=note>{omitted:,} earlier events are left out.</p>" if omitted > 0 else ""
        return f"{left}<table><tr><th>step</th><th></th><th></th></tr>{rows}</table>"

    def evaluations(self, pictures: Mapping[Any, str]) -> str:
        """Protocol, scores and sheet of each evaluation."""
        found = []
        for name, results, sheet in self.facts.evaluations:
            protocol = subtable(results, "protocol").items()
            shown = [(key, value) for key, value in protocol if isinstance(value, str | int) and value != ""]
            listed = ", ".join(f"{escape(str(key))} {self.value(value)}" for key, value in shown)
            notes = results.get("notes") if isinstance(results, dict) else None
            notes = notes if isinstance(notes, list) else []
            remarks = "".join(f"<p class=note>{self.safe(note)}</p>" for note in notes)
            image = f'<img src="{pictures[sheet]}" alt="sheet of {escape(name)}">' if pictures.get(sheet) else ""
            found.append(
                f"<h3>{escape(name)}</h3><p class=note>{listed}</p>"
                f"<table><tr><th>metric</th><th>value</th><th>95 % interval</th><th>better</th><th>measured with</th></tr>"
                f"{''.join(self.score_row(score) for score in scores_in(results))}</table>{remarks}{image}"
            )
        return "".join(found) or "<p>Not evaluated yet: <code>diptych evaluate RUN</code>.</p>"

    def score_row(self, score: Mapping[str, Any]) -> str:
        low, high = score.get("low"), score.get("high")
        ranged = isinstance(low, int | float) and isinstance(high, int | float) and low != high
        remarks = "; ".join(str(score[key]) for key in ("network", "note") if score.get(key))
        interval = f"{figure(low)} to {figure(high)}" if ranged else ""
        metric, better = self.safe(score.get("metric", "")), self.safe(score.get("better") or "")
        return row(metric, figure(score.get("value")), interval, better, self.safe(remarks))

    def cards(self) -> str:
        """The run's translators and the terms of their data."""
        found = []
        for card in self.facts.cards:
            provenance = subtable(card, "provenance")
            known = {key: card[key] for key in ("averaged", "seed") if key in card}
            found.append(
                f"<h3>{self.safe(card.get('way', ''))}</h3><p>{self.safe(card_sentence(card))}</p>"
                f"{self.table(known | subtable(card, 'arguments') | provenance)}"
            )
        terms = {key for card in self.facts.cards for key in subtable(card, "provenance") if key.lower() in TERMS}
        if str(subtable(self.facts.recipe, "data").get("folder", "")).startswith("openmoji"):
            found.append(
                "<p>Trained on drawings by OpenMoji (openmoji.org), CC BY-SA 4.0: name them, and share what you make of "
                "them under the same terms.</p>"
            )
        elif not terms:
            found.append(
                "<p>Whoever shares this model should state the terms of its training pictures; the run does not record them.</p>"
            )
        return "".join(found)

    def settings(self) -> str:
        return self.table(flatten(self.facts.recipe))

    def environment(self) -> str:
        """The environments of the last starts; a run may move between machines."""
        found: list[tuple[int, dict[str, Any]]] = []
        for start in self.facts.starts:
            facts = subtable(start, "environment")
            if facts and (not found or found[-1][1] != facts):
                found.append((whole(start.get("step")), facts))
        if not found:
            return "<p>Not recorded by the version that trained this run.</p>"
        return "".join(f"<h3>from step {step:,}</h3>{self.table(facts)}" for step, facts in found[-5:])


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


def row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def figure(value: Any) -> str:
    if value is None:
        return "infinite"  # as JSON has it
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
