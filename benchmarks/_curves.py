"""Tables and plots of learning curves: scores of several contestants at equal minutes, all seeds together."""

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from rich.table import Table

from diptych.evaluation.metrics import direction
from diptych.pictures import formats
from diptych.pictures.kinds import Kind
from diptych.training.validation import beside


def by_mark(results: list[dict[str, Any]], name: str, metric: str) -> dict[float, list[float]]:
    """Minutes to the values of all seeds."""
    found: dict[float, list[float]] = {}
    for row in results:
        if row["name"] == name:
            found.setdefault(row["minutes"], []).append(row["scores"][metric])
    return dict(sorted(found.items()))


def reached(results: list[dict[str, Any]], name: str, metric: str, goal: float) -> float | None:
    """The first mark at which the mean over the seeds is as good as ``goal`` and stays so."""
    first = None
    for mark, values in by_mark(results, name, metric).items():
        first = (first or mark) if loss(metric, float(np.mean(values))) <= loss(metric, goal) else None
    return first


def loss(metric: str, value: float) -> float:
    """A score as a number whose smaller values are better."""
    better = direction(metric)
    return -value if better == "higher" else abs(value - 1) if better == "near 1" else value


def metrics_of(results: list[dict[str, Any]]) -> list[str]:
    """The scores that all have, in the order in which they were asked for."""
    return [name for name in results[0]["scores"] if all(name in row["scores"] for row in results)]


def table_of(results: list[dict[str, Any]], names: list[str]) -> Table:
    """A row a contestant: its last scores (mean, and half the span of the seeds), and when it passed the first's last."""
    metrics = metrics_of(results)
    table = Table(
        "contestant",
        "minutes",
        *metrics,
        title="after the last minutes of a core: mean ± half the span (when the first's end was reached)",
    )
    for name in names:
        cells = []
        for metric in metrics:
            minutes, values = list(by_mark(results, name, metric).items())[-1]
            goal = float(np.mean(list(by_mark(results, names[0], metric).values())[-1]))
            when = reached(results, name, metric, goal)
            after = "" if name == names[0] else f" ({when:g} min)" if when else " (never)"
            cells.append(f"{np.mean(values):.3f} ± {(max(values) - min(values)) / 2:.3f}{after}")
        table.add_row(name, f"{minutes:g}", *cells)
    return table


def plot(results: list[dict[str, Any]], names: list[str], out: Path) -> None:
    """A panel a metric: the mean, and each seed as dots."""
    metrics = metrics_of(results)
    titles = [f"{metric} ({direction(metric)} is better)" for metric in metrics]
    figure = make_subplots(rows=1, cols=len(metrics), subplot_titles=titles)
    colours = ["#888888", "#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#e377c2"]
    for column, metric in enumerate(metrics, 1):
        for name, colour in zip(names, colours, strict=False):
            found = by_mark(results, name, metric)
            means = [float(np.mean(values)) for values in found.values()]
            dots = [(mark, value) for mark, values in found.items() for value in values]
            same = {"legendgroup": name, "name": name, "line": {"color": colour}}
            figure.add_scatter(x=list(found), y=means, mode="lines", showlegend=column == 1, row=1, col=column, **same)
            figure.add_scatter(
                x=[x for x, _ in dots],
                y=[y for _, y in dots],
                mode="markers",
                showlegend=False,
                row=1,
                col=column,
                **same,
            )
    figure.update_xaxes(title="minutes of one core")
    figure.update_layout(width=360 * len(metrics), height=420, legend={"orientation": "h", "y": -0.2})
    go.Figure(figure).write_html(out / "curves.html", include_plotlyjs=True)


def side_by_side(names: list[str], marks: list[float], seed: int, out: Path) -> None:
    """The sample grids of all contestants at equal minutes, as one picture a mark."""
    for mark in marks:
        if not all((out / f"{name}-{seed}-{mark:g}.png").exists() for name in names):
            continue
        grids = [formats.read(out / f"{name}-{seed}-{mark:g}.png", Kind()) for name in names]
        formats.write(out / f"at-{mark:g}-minutes-seed-{seed}.png", beside(grids))
