"""The data of the plots, as JSON for the page's script."""

from collections.abc import Iterable
from typing import Any

from diptych.files import as_json
from diptych.report.curves import Curve, whole
from diptych.report.facts import Facts

MARKS = 40  # health warnings and faults marked in the plots, the last ones
SCORES = {
    "l1": "L1 of outputs and targets",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "l1_inverted": "L1 of inverted outputs",
    "change": "change of the source, of the targets'",
    "diversity": "diversity, of the targets'",
}
FIGURES = {
    "rate": "learning rate, share of its start",
    "steps_per_second": "pace, steps a second",
    "waiting_for_data": "share of the time waiting for data",
}


def plots(facts: Facts) -> str:
    """Every plot as JSON that is safe inside a script element."""
    found = [
        {"title": title, "log": title == "gradient norms", "curves": {name: points(facts.log[name]) for name in names}}
        for title, names in groups(facts.log)
    ]
    found += [
        {"title": f"validation: {SCORES.get(key, key)}", "log": False, "curves": {key: points(curve)}, "marks": True}
        for key, curve in facts.scores.items()
    ]
    return as_script(found)


def troubles(facts: Facts) -> str:
    """Steps of health warnings and faults, which the plots mark."""
    events = [event for event in facts.events if event["kind"] in ("health", "fault")]
    return as_script([[whole(event.get("step")), event["kind"]] for event in events[-MARKS:]])


def as_script(value: Any) -> str:
    return as_json(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def points(curve: Curve) -> dict[str, Any]:
    extremes = {"low": short(curve.lows), "high": short(curve.highs)} if curve.stretch > 1 else {}
    return {"x": curve.steps, "y": short(curve.means), "stretch": curve.stretch, **extremes}


def short(values: list[float]) -> list[float]:
    """Rounded to six digits, more than a plot shows."""
    return [float(f"{value:.6g}") for value in values]


def groups(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Group curves into plots: the losses of each side, gradient norms; others have a plot each."""
    found: dict[str, list[str]] = {}
    for name in names:
        side, _, last = name.rpartition(".")
        kind = "accuracy" if "accuracy" in last else "l1" if last == "l1" else "losses"
        title = "gradient norms" if last == "gradient" else f"{side}: {kind}" if side else FIGURES.get(name, name)
        found.setdefault(title, []).append(name)
    return sorted(found.items(), key=lambda group: ("pace" in group[0], "share" in group[0], "gradient" in group[0]))
