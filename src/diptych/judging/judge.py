"""Evaluate a subject and keep the result: a table, JSON, CSV, and a sheet of its best, middle and worst pictures."""

import csv
import io
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych import __version__
from diptych.errors import DiptychError, UsageError
from diptych.evaluation import requirements
from diptych.evaluation.evaluate import INFINITE, Verdict, choose, evaluate
from diptych.evaluation.metrics import METRICS, PICTURE_METRICS, Example, Score, SetMetricSpec
from diptych.evaluation.perceptual import MAPPED
from diptych.evaluation.set_metrics import as_bytes
from diptych.files import as_json, from_json, read_text, remove_partial_files, write_text
from diptych.judging.captions import line
from diptych.judging.subjects import Subject
from diptych.machine import progress
from diptych.pictures import formats
from diptych.pictures.resizing import enlarge_nearest

LEADING = ("perceptual", "l1", "sharpness", "checkerboard")
"""The sheet is ordered by the first of these that was measured."""
EACH = 4  # best, middle and worst pictures on the sheet


@dataclass(frozen=True)
class Result:
    """The result of an evaluation, as it is kept."""

    name: str
    protocol: dict[str, Any]
    scores: list[Score]
    names: list[str]
    pictures: dict[str, list[float]]
    notes: list[str]


def judge(subject: Subject, wanted: Sequence[str], network: str = "") -> Result:
    """Evaluate every picture of a subject, with progress."""
    resources = replace(subject.resources, network=network) if network else subject.resources
    if network and (problem := requirements.weights(network)(resources)):
        raise UsageError(f"--network {network} cannot be used: {problem}.")
    metrics, notes = choose(wanted, resources)
    began = time.perf_counter()

    def show(done: int) -> None:
        rate = done / (time.perf_counter() - began)
        left = (subject.count - done) / rate
        progress.show(f"judging {done}/{subject.count}  {rate:.1f} pictures/s  left {left:.0f} s")

    verdict: Verdict = evaluate(map(subject.read, range(subject.count)), metrics, resources, show)
    progress.show()
    protocol = subject.protocol | {"metrics": metrics}
    chosen = "perceptual" in metrics and resources.network in MAPPED[1:]
    specs = [METRICS[name] for name in metrics]
    if chosen or any(isinstance(spec, SetMetricSpec) and spec.uses_network for spec in specs):
        protocol["network"] = resources.network
    return Result(subject.name, protocol, verdict.scores, verdict.names, verdict.pictures, notes + verdict.notes)


# Shown and kept


def table(result: Result) -> str:
    """Aligned text: metric, value, its 95 % interval, what is better, with what it was measured."""
    facts = result.protocol
    where = " ".join(str(facts[key]) for key in ("data", "split") if facts.get(key))
    shown = f"{facts['pictures']} {facts.get('items', 'pictures')} of {facts['size']}, {facts['range']}"
    lines = [f"{result.name} on {where or 'its pictures'}: {shown}"]
    fcn = {name.removeprefix("fcn "): value for name, value in real_scores(result).items() if name.startswith("fcn")}
    if fcn:
        row = ", ".join(f"{name} {value}" for name, value in fcn.items())
        lines.append(f"  ground truth, the segmenter on the real pictures: {row}")
    lines.append(f"  {'metric':22}{'value':>10}   {'95 % interval':22}{'better':18}")
    for score in result.scores:
        exact = score.low == score.high
        interval = "" if exact else f"{score.low:.4f} to {score.high:.4f}"
        notes = "; ".join(filter(None, [score.network, score.note]))
        lines.append(f"  {score.metric:22}{score.value:10.4f}   {interval:22}{score.better:18}{notes}".rstrip())
    return "\n".join([*lines, *(f"  note: {note}" for note in result.notes)])


def real_scores(result: Result) -> dict[str, str]:
    """The scores of the real pictures, by metric, where they were measured."""
    marks = ("real pictures: ", "targets: ")
    notes = {score.metric: score.note.partition(";")[0] for score in result.scores}
    return {metric: note.rpartition(" ")[2] for metric, note in notes.items() if note.startswith(marks)}


def keep(result: Result, folder: Path, sheet: npt.NDArray[np.uint8] | None = None) -> None:
    """Write ``scores.json``, ``scores.csv``, ``pictures.csv`` and ``sheet.png`` into a folder.

    Raises:
        DiptychError: when it cannot be written.
    """
    whole = {
        "diptych": __version__,
        "name": result.name,
        "protocol": result.protocol,
        "scores": [asdict(score) for score in result.scores],
        "notes": result.notes,
    }
    remove_partial_files(folder)
    with suppress(OSError):  # written last, so that it is there only together with its other files
        (folder / "scores.json").unlink(missing_ok=True)
    rows = [["metric", "value", "low", "high", "better", "count", "network", "note"]]
    rows += [[str(value) for value in asdict(score).values()] for score in result.scores]
    write_text(folder / "scores.csv", as_csv(rows))
    columns = [result.names, *(map(repr, values) for values in result.pictures.values())]
    write_text(folder / "pictures.csv", as_csv([["picture", *result.pictures], *zip(*columns, strict=True)]))
    if sheet is not None:
        formats.write(folder / "sheet.png", sheet)
    write_text(folder / "scores.json", as_json(whole, indent=2) + "\n")


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def kept(folder: Path) -> Result:
    """Read a kept result.

    Raises:
        DiptychError: when the folder holds none, or a damaged one.
    """
    try:
        whole = from_json(read_text(folder / "scores.json"))
        with open(folder / "pictures.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
            head, *rows = csv.reader(file)
        columns = {name: [float(row[place]) for row in rows] for place, name in enumerate(head) if place}
        scores = []
        for entry in whole["scores"]:  # null stands for infinite or undefined; the note says which
            absent = math.inf if str(entry["note"]).startswith(INFINITE) else math.nan
            values: dict[str, Any] = {key: absent if value is None else value for key, value in entry.items()}
            scores.append(Score(**values))
        return Result(whole["name"], whole["protocol"], scores, [row[0] for row in rows], columns, whole["notes"])
    except FileNotFoundError as problem:
        raise DiptychError(f"{folder} holds no evaluation: there is no {Path(problem.filename).name}.") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as problem:
        raise DiptychError(f"{folder} holds a damaged evaluation ({problem}); evaluate again.") from None


# The sheet


def ordered(result: Result) -> tuple[str, list[int]]:
    """The leading metric, and the pictures' numbers from best to worst by it."""
    for name in LEADING:
        if name in result.pictures:
            sign = -1 if PICTURE_METRICS[name].better == "higher" else 1
            return name, [int(place) for place in np.argsort(sign * np.array(result.pictures[name]), kind="stable")]
    return "", list(range(len(result.names)))


def sheet_of(subject: Subject, result: Result) -> npt.NDArray[np.uint8]:
    """Rows of source | output | target with captions: the best, the middle and the worst pictures."""
    name, order = ordered(result)
    middle = max((len(order) - EACH) // 2, 0)
    parts = {"best": order[:EACH], "middle": order[middle : middle + EACH], "worst": order[-EACH:]}
    columns = []
    for title, places in parts.items():
        tiles = [row_of(subject.read(place), *captions(title, name, place, result)) for place in places]
        width = max(tile.shape[1] for tile in tiles)
        columns.append(np.concatenate([padded(tile, right=width - tile.shape[1]) for tile in tiles]))
    height = max(column.shape[0] for column in columns)
    return np.concatenate([padded(column, below=height - len(column), right=8) for column in columns], axis=1)


def captions(title: str, metric: str, place: int, result: Result) -> tuple[str, str]:
    """Two captions: with the picture's name, and with its number in ``pictures.csv``."""
    value = f"  {metric} {result.pictures[metric][place]:.3f}" if metric else ""
    return f"{title}: {result.names[place]}{value}", f"{title}: picture {place + 1}{value}"


def row_of(example: Example, caption: str, instead: str) -> npt.NDArray[np.uint8]:
    """Source, output and target beside each other under a caption, or ``instead`` where no font has its letters."""
    views = [view for view in (example.source_rgb, example.output_rgb, example.target_rgb) if view is not None]
    pictures = np.concatenate([enlarge_nearest(as_bytes(view), as_bytes(views[-1])) for view in views], axis=1)
    return np.concatenate([line(caption, instead, pictures.shape[1]), pictures])


def padded(picture: npt.NDArray[np.uint8], below: int = 0, right: int = 0) -> npt.NDArray[np.uint8]:
    """With white at the lower and at the right edge."""
    return np.pad(picture, ((0, below), (0, right), (0, 0)), constant_values=255)
