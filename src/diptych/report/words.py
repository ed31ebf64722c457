"""The page's parts in HTML. Whatever comes from the run is escaped here."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from diptych.report.facts import Facts
from diptych.tables import flatten

SCORES = {"l1": "L1 of outputs and targets", "psnr": "PSNR, dB", "ssim": "SSIM"}
KINDS = {"health": "health", "fault": "fault", "start": "start", "end": "end", "pause": "pause"}


def summary(facts: Facts) -> str:
    """What the run is, in sentences."""
    recipe = facts.recipe
    data = recipe.get("data", {})
    task = {"pairs": "pairs of pictures", "unpaired": "two piles of pictures"}.get(str(data.get("task")), "pictures")
    said = [f"A {recipe.get('system')} translator, trained on {task} in “{data.get('folder')}”."]
    if data.get("task") == "pairs":
        said.append(f"Direction {data.get('direction')}.")
    said.append(f"Step {facts.step:,} of {facts.steps:,}." if facts.steps else f"Step {facts.step:,}.")
    if facts.live:
        said.append("Training goes on; this page loads itself anew.")
    elif facts.events and facts.events[-1]["kind"] == "pause":
        said.append("Training was interrupted; the same command goes on.")
    if facts.starts:
        said.append(str(facts.starts[-1].get("words", "")))
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in said if sentence)


def tiles(facts: Facts) -> str:
    """The newest scores, large."""
    found = []
    for key, curve in facts.scores.items():
        if key in ("l1_inverted", "diversity") or not curve.values:
            continue
        found.append(
            f"<div class=tile><span>{escape(SCORES.get(key, key))}</span><b>{curve.values[-1]:.4g}</b>"
            f"<span>at step {curve.steps[-1]:,}</span></div>"
        )
    return "".join(found)


def plots(facts: Facts) -> str:
    """The data of every plot as JSON that cannot end its script element."""
    found = [
        {"title": title, "log": title == "gradient norms", "curves": {name: points(facts.log[name]) for name in names}}
        for title, names in groups(facts.log)
    ]
    found += [
        {"title": f"validation: {SCORES.get(key, key)}", "log": False, "curves": {key: points(curve)}, "marks": True}
        for key, curve in facts.scores.items()
    ]
    return as_script(found)


def as_script(value: Any) -> str:
    return json.dumps(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def points(curve: Any) -> dict[str, Any]:
    return {"x": curve.steps, "y": curve.values, "stretch": curve.stretch}


def groups(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """The curves that belong into one plot: the losses of a side, gradient norms, pace, and the rest alone."""
    found: dict[str, list[str]] = {}
    for name in names:
        side, _, last = name.rpartition(".")
        title = (
            "gradient norms"
            if last == "gradient"
            else f"{side}: {'accuracy' if 'accuracy' in last else 'losses' if last != 'l1' else 'l1'}"
            if side
            else {
                "rate": "learning rate, share of its start",
                "steps_per_second": "pace, steps a second",
                "waiting_for_data": "share of the time waiting for data",
            }.get(name, name)
        )
        found.setdefault(title, []).append(name)
    return sorted(found.items(), key=lambda group: ("pace" in group[0], "share" in group[0], "gradient" in group[0]))


def events(facts: Facts) -> str:
    """Health, faults, starts and ends, newest last."""
    if not facts.events:
        return "<p>Nothing was recorded.</p>"
    rows = "".join(
        f"<tr class={KINDS.get(str(event['kind']), 'other')}><td>{int(event.get('step', 0)):,}</td>"
        f"<td>{escape(str(event['kind']))}</td><td>{escape(str(event.get('words', '')))}</td></tr>"
        for event in facts.events
    )
    return f"<table><tr><th>step</th><th></th><th></th></tr>{rows}</table>"


def evaluations(facts: Facts, pictures: Mapping[Any, str]) -> str:
    """Every kept verdict: protocol, table, sheet."""
    found = []
    for name, verdict, sheet in facts.evaluations:
        protocol = {
            key: value for key, value in verdict.get("protocol", {}).items() if not isinstance(value, dict | list)
        }
        rows = "".join(score_row(score) for score in verdict.get("scores", []) if isinstance(score, dict))
        picture = pictures.get(sheet, "")
        shown = f'<img src="{picture}" alt="best, middle and worst pictures">' if picture else ""
        notes = "".join(f"<p class=note>{escape(str(note))}</p>" for note in verdict.get("notes", []))
        found.append(
            f"<h3>{escape(name)}</h3><p class=note>{escape(', '.join(f'{k} {v}' for k, v in protocol.items() if v != ''))}</p>"
            f"<table><tr><th>metric</th><th>value</th><th>95 % interval</th><th>better</th><th>measured with</th></tr>{rows}"
            f"</table>{notes}{shown}"
        )
    return "".join(found) or "<p>Not judged yet: <code>diptych evaluate RUN</code>.</p>"


def score_row(score: Mapping[str, Any]) -> str:
    low, high = score.get("low"), score.get("high")
    interval = f"{low:.4g} to {high:.4g}" if isinstance(low, float) and isinstance(high, float) and low != high else ""
    value = score.get("value")
    number = f"{value:.4g}" if isinstance(value, int | float) else "infinite" if value is None else escape(str(value))
    remarks = "; ".join(str(score[key]) for key in ("network", "note") if score.get(key))
    cells = (escape(str(score.get("metric"))), number, interval, escape(str(score.get("better"))), escape(remarks))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def table(values: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(key))}</td><td>{escape(str(value))}</td></tr>" for key, value in values.items()
    )
    return f"<table class=plain>{rows}</table>"


def cards(facts: Facts) -> str:
    """What leaves the run, and what a user should know of it."""
    found = []
    for card in facts.cards:
        provenance = card.get("provenance", {})
        known = {key: card.get(key) for key in ("network", "multiple", "size", "averaged", "seed")}
        kinds = {
            side: ", ".join(f"{k} {v}" for k, v in card.get(side, {}).items() if v) for side in ("source", "target")
        }
        found.append(f"<h3>{escape(str(card.get('way')))}</h3>{table(known | kinds | provenance)}")
    if facts.recipe.get("data", {}).get("folder", "").startswith("openmoji"):
        found.append(
            "<p>Trained on drawings by OpenMoji (openmoji.org), CC BY-SA 4.0: name them, and share what you make of them "
            "under the same terms.</p>"
        )
    else:
        found.append(
            "<p>Whoever passes this model on should say under which terms its training pictures stand; the run does not "
            "know them.</p>"
        )
    return "".join(found)


def settings(facts: Facts) -> str:
    return table(flatten(facts.recipe))


def environment(facts: Facts) -> str:
    """Of every start; a run may have moved between machines."""
    if not facts.starts:
        return "<p>Not recorded by the version that trained this run.</p>"
    return "".join(
        f"<h3>from step {int(start.get('step', 0)):,}</h3>{table(start.get('environment', {}))}"
        for start in facts.starts[-5:]
    )
