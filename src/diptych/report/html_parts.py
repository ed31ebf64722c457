"""The page's parts in HTML. Whatever comes from the run is escaped here."""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from diptych.report.curves import whole
from diptych.report.facts import EVENTS, Facts, part
from diptych.report.plots import SCORES
from diptych.tables import flatten

TASKS = {
    "pairs": "pairs of pictures",
    "unpaired": "two piles of unpaired pictures",
    "edges": "pictures and their edges",
    "greyscale": "pictures and their grey versions",
    "colorization": "pictures and their lightness",
}
DIRECTIONS = {"a-to-b": "from A to B, left to right", "b-to-a": "from B to A, right to left"}
KINDS = ("health", "fault", "start", "end", "pause")
TERMS = ("licence", "license", "attribution", "citation")
ABSOLUTE = re.compile(r"(?:(?<![\w.:/<])/|\b[A-Za-z]:[\\/]|\\\\)[^\s,;:'\"“”()\[\]]*[^\s,;:.'\"“”()\[\]]")


class HtmlParts:
    """Words of one run, safe for the page: escaped, and without places of the machine that the recipe does not name."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.said = [value for value in flatten(facts.recipe).values() if isinstance(value, str) and value]

    def safe(self, value: Any) -> str:
        text = str(value)
        return escape(text if text in self.said else ABSOLUTE.sub(lambda found: self.shortened(found.group()), text))

    def value(self, value: Any) -> str:
        """As ``safe``, of a text that is no sentence: where it begins as a place, it is one, blanks included."""
        text = str(value)
        return escape(self.shortened(text)) if ABSOLUTE.match(text) else self.safe(text)

    def shortened(self, place: str) -> str:
        return place if place in self.said else last_part(place)

    def table(self, values: Mapping[str, Any]) -> str:
        rows = "".join(
            f"<tr><td>{escape(str(key))}</td><td>{self.value(value)}</td></tr>" for key, value in values.items()
        )
        return f"<table class=plain>{rows}</table>"

    # The parts, from top to bottom

    def summary(self) -> str:
        """What the run is, in sentences."""
        facts, data = self.facts, part(self.facts.recipe, "data")
        task = TASKS.get(str(data.get("task")), "pictures")
        way = DIRECTIONS.get(str(data.get("direction"))) if data.get("task") == "pairs" else None
        turned = f", {way}" if way else ""
        said = [
            f"A {facts.recipe.get('system')} translator, trained on {task} in “{last_part(data.get('folder'))}”{turned}."
        ]
        names = [str(part(card, "provenance").get("recipe", "")) for card in facts.cards]
        if names and names[0]:
            said[0] += f" Recipe {names[0]}."
        if facts.starts:
            said.append(str(facts.starts[-1].get("words", "")))
        lines = [f"<p>{self.safe(sentence)}</p>" for sentence in said if sentence]
        done = f"Step {facts.step:,} of {facts.steps:,}." if facts.steps else f"Step {facts.step:,}."
        share = min(1.0, facts.step / facts.steps) if facts.steps else 0.0
        bar = f'<div class=bar><i style="width:{100 * share:.1f}%"></i></div>' if facts.steps else ""
        return "".join(lines) + f"<p><b>{done}</b> {self.safe(self.state())}</p>{bar}"

    def state(self) -> str:
        last = self.facts.last
        if self.facts.live:
            return "Training goes on; this page loads itself anew."
        if self.facts.unfinished:
            return "Training has ended without a word, or its machine has; the same command goes on."
        if last.get("kind") == "pause":
            return "Training was interrupted; the same command goes on."
        return str(last.get("words", "")) if last.get("kind") == "end" else ""

    def tiles(self) -> str:
        """The newest scores, large."""
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
        """What stands beside what in a sample grid."""
        back = ", output of the way back" if len(self.facts.cards) > 1 else ""
        return f"Validation pictures, the same each time; from left to right: source, output, target{back}."

    def events(self) -> str:
        """Health, faults, starts and ends, newest last."""
        events = self.facts.events
        if not events:
            return "<p>Nothing was recorded.</p>"
        rows = "".join(
            f"<tr class={event['kind'] if event['kind'] in KINDS else 'other'}><td>{whole(event.get('step')):,}</td>"
            f"<td>{self.safe(event['kind'])}</td><td>{self.safe(event.get('words', ''))}</td></tr>"
            for event in events[-EVENTS:]
        )
        left = (
            f"<p class=note>{len(events) - EVENTS:,} earlier events are left out.</p>" if len(events) > EVENTS else ""
        )
        return f"{left}<table><tr><th>step</th><th></th><th></th></tr>{rows}</table>"

    def evaluations(self, pictures: Mapping[Any, str]) -> str:
        """Every kept verdict: protocol, table, sheet."""
        found = []
        for name, verdict, sheet in self.facts.evaluations:
            protocol = {key: value for key, value in part(verdict, "protocol").items() if isinstance(value, str | int)}
            listed = ", ".join(
                f"{escape(str(key))} {self.value(value)}" for key, value in protocol.items() if value != ""
            )
            notes = verdict.get("notes") if isinstance(verdict, dict) else None
            remarks = "".join(
                f"<p class=note>{self.safe(note)}</p>" for note in (notes if isinstance(notes, list) else [])
            )
            shown = f'<img src="{pictures[sheet]}" alt="sheet of {escape(name)}">' if pictures.get(sheet) else ""
            found.append(
                f"<h3>{escape(name)}</h3><p class=note>{listed}</p>"
                f"<table><tr><th>metric</th><th>value</th><th>95 % interval</th><th>better</th><th>measured with</th></tr>"
                f"{''.join(self.score_row(score) for score in scores_in(verdict))}</table>{remarks}{shown}"
            )
        return "".join(found) or "<p>Not judged yet: <code>diptych evaluate RUN</code>.</p>"

    def score_row(self, score: Mapping[str, Any]) -> str:
        low, high = score.get("low"), score.get("high")
        ranged = isinstance(low, int | float) and isinstance(high, int | float) and low != high
        remarks = "; ".join(str(score[key]) for key in ("network", "note") if score.get(key))
        cells = (
            self.safe(score.get("metric", "")),
            figure(score.get("value")),
            f"{figure(low)} to {figure(high)}" if ranged else "",
            self.safe(score.get("better") or ""),
            self.safe(remarks),
        )
        return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"

    def cards(self) -> str:
        """What leaves the run, and what a user should know of it."""
        found = []
        for card in self.facts.cards:
            provenance = part(card, "provenance")
            known = {key: card[key] for key in ("averaged", "seed") if key in card}
            found.append(
                f"<h3>{self.safe(card.get('way', ''))}</h3><p>{self.safe(card_words(card))}</p>"
                f"{self.table(known | part(card, 'arguments') | provenance)}"
            )
        said = {key for card in self.facts.cards for key in part(card, "provenance") if key.lower() in TERMS}
        if str(part(self.facts.recipe, "data").get("folder", "")).startswith("openmoji"):
            found.append(
                "<p>Trained on drawings by OpenMoji (openmoji.org), CC BY-SA 4.0: name them, and share what you make of "
                "them under the same terms.</p>"
            )
        elif not said:
            found.append(
                "<p>Whoever passes this model on should say under which terms its training pictures stand; the run does "
                "not know them.</p>"
            )
        return "".join(found)

    def settings(self) -> str:
        return self.table(flatten(self.facts.recipe))

    def environment(self) -> str:
        """Of the last starts; a run may have moved between machines."""
        told: list[tuple[int, dict[str, Any]]] = []
        for start in self.facts.starts:
            facts = part(start, "environment")
            if facts and (not told or told[-1][1] != facts):
                told.append((whole(start.get("step")), facts))
        if not told:
            return "<p>Not recorded by the version that trained this run.</p>"
        return "".join(f"<h3>from step {step:,}</h3>{self.table(facts)}" for step, facts in told[-5:])


def last_part(place: Any) -> str:
    """The name at the end of a place, on any system."""
    return re.split(r"[\\/]", str(place).rstrip("\\/"))[-1]


def card_words(card: Mapping[str, Any]) -> str:
    """A card in a sentence or two."""

    def kind(side: str) -> str:
        held = part(card, side)
        channels = f" of {held['channels']} channels" if held.get("channels") else ""
        return f"{held.get('colour', 'unknown')} {held.get('depth', '')}{channels}".strip()

    size = card.get("size")
    seen = f" It was trained on {size[1]} x {size[0]} pixels" if isinstance(size, list) and len(size) == 2 else ""
    fits = f" and pads pictures to multiples of {card['multiple']}" if seen and card.get("multiple") else ""
    return (
        f"A {card.get('network')} that turns pictures ({kind('source')}) into pictures ({kind('target')}).{seen}{fits}"
        + ("." if seen else "")
    )


def scores_in(verdict: Any) -> list[Mapping[str, Any]]:
    """The rows of a verdict: its list of scores, a bare list of them, or any table of numbers."""
    listed = verdict.get("scores", verdict) if isinstance(verdict, dict) else verdict
    if isinstance(listed, list):
        return [score for score in listed if isinstance(score, dict)]
    flat = flatten(listed) if isinstance(listed, dict) else {}
    return [{"metric": key, "value": value} for key, value in flat.items() if isinstance(value, int | float | str)]


def figure(value: Any) -> str:
    if value is None:
        return "infinite"  # as JSON has it
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
