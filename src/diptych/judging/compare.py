"""Compare evaluations picture by picture; those with different protocols are refused."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from diptych.errors import UsageError
from diptych.evaluation import bootstrap
from diptych.evaluation.evaluate import THROUGH
from diptych.evaluation.metrics import METRICS, Example
from diptych.files import as_json, write_text
from diptych.judging.captions import CAPTION
from diptych.judging.judge import Result, as_csv, padded, row_of
from diptych.judging.subjects import Subject
from diptych.pictures import formats

SHOWN = 8  # pictures on the sheet


@dataclass(frozen=True)
class Difference:
    """The difference of a later run from the first by one metric, picture by picture."""

    metric: str
    mean: float  # its value less the first run's
    error: float  # standard error of that mean
    low: float
    high: float  # the 95 % interval by paired bootstrap
    better_on: int
    pictures: int

    def summary(self) -> str:
        clear = "" if self.low > 0 or self.high < 0 else " (may be chance)"
        return (
            f"better on {self.better_on} of {self.pictures} pictures, {self.metric} {self.mean:+.4f} +- {self.error:.4f}"
            f" (95 %: {self.low:+.4f} to {self.high:+.4f}){clear}"
        )


def comparable(results: Sequence[Result]) -> None:
    """Refuse evaluations whose scores cannot be compared.

    Raises:
        UsageError: with the keys in which the protocols differ.
    """
    first = results[0]
    for other in results[1:]:
        keys = [key for key in first.protocol | other.protocol if key != "metrics"]
        different = [
            f"{key} is {first.protocol.get(key)!r} for {first.name} and {other.protocol.get(key)!r} for {other.name}"
            for key in keys
            if first.protocol.get(key) != other.protocol.get(key)
        ]
        if different:
            raise UsageError(f"these were measured differently and cannot be compared: {'; '.join(different)}.")
        if first.names != other.names:
            raise UsageError(f"{first.name} and {other.name} were judged on different pictures; evaluate both again.")
        require_equal_judge(first, other)


def require_equal_judge(first: Result, other: Result) -> None:
    """Refuse scores by a network that one of two trainings looked through and the other did not.

    Raises:
        UsageError: with those scores, and with what the two can be compared by.
    """
    notes = [{score.metric: score.note.endswith(THROUGH) for score in result.scores} for result in (first, other)]
    both = [metric for metric in notes[0] if metric in notes[1]]
    unfair = [metric for metric in both if notes[0][metric] != notes[1][metric]]
    if unfair:
        one, two = (first, other) if notes[0][unfair[0]] else (other, first)
        network = next(score.network for score in one.scores if score.metric == unfair[0])
        fair = dict.fromkeys(metric.partition(" ")[0] for metric in both if metric not in unfair)
        raise UsageError(
            f"{one.name} was trained through {network} and {two.name} was not, so {', '.join(unfair)} cannot compare them; "
            f"judge both by another network (--network), or by --metrics {','.join(fair) or 'l1'}."
        )


def differences(first: Result, other: Result) -> list[Difference]:
    """For each metric of single pictures that both have, with higher or lower better, over pictures with two numbers."""
    found = []
    for metric in first.pictures:
        better = METRICS[metric].better if metric in METRICS else "higher"
        if metric not in other.pictures or better not in ("higher", "lower"):
            continue
        one, two = (np.array(result.pictures[metric]) for result in (first, other))
        known = ~(np.isnan(one) | np.isnan(two))
        one, two = one[known], two[known]
        apart = np.zeros(len(one))
        np.subtract(two, one, out=apart, where=one != two)  # equal ones may both be infinite
        if not (len(apart) and np.isfinite(apart).all()):
            continue
        low, high = bootstrap.of_mean(apart)
        better_on = int((apart > 0).sum() if better == "higher" else (apart < 0).sum())
        error = float(apart.std(ddof=1) / len(apart) ** 0.5) if len(apart) > 1 else 0.0
        found.append(Difference(metric, float(apart.mean()), error, low, high, better_on, len(apart)))
    return found


def names_of(results: Sequence[Result]) -> list[str]:
    """Their names, numbered where several are called the same."""
    names = [result.name for result in results]
    return [f"{name}#{place + 1}" if names.count(name) > 1 else name for place, name in enumerate(names)]


def from_first(results: Sequence[Result]) -> dict[str, list[Difference]]:
    """The differences of each later run from the first, by its name."""
    names = names_of(results)
    return {name: differences(results[0], other) for name, other in zip(names[1:], results[1:], strict=True)}


def rows_of(results: Sequence[Result]) -> list[list[str]]:
    """A heading, then a row for each metric."""
    values = [{score.metric: score.value for score in result.scores} for result in results]
    better = {score.metric: score.better for result in results for score in result.scores}
    rows = [["metric", *names_of(results), "better"]]
    for metric in better:
        cells = [f"{found[metric]:.4f}" if metric in found else "" for found in values]
        rows.append([metric, *cells, better[metric]])
    return rows


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def summary(results: Sequence[Result]) -> str:
    """The table, and for each later run sentences on its differences from the first."""
    facts = results[0].protocol
    where = " ".join(str(facts[key]) for key in ("data", "split") if facts.get(key))
    lines = [f"{facts['pictures']} pictures of {facts['size']} ({where})", aligned(rows_of(results))]
    for name, found in from_first(results).items():
        lines.append(f"{name} against {names_of(results)[0]}:")
        lines += [f"  {difference.summary()}" for difference in found]
    return "\n".join(lines)


def keep(results: Sequence[Result], folder: Path, sheet: npt.NDArray[np.uint8] | None) -> None:
    """``compare.json``, ``compare.csv`` and the sheet."""
    names = names_of(results)
    whole = {
        "protocol": results[0].protocol,
        "scores": {name: list(map(asdict, result.scores)) for name, result in zip(names, results, strict=True)},
        "pictures": results[0].names,
        "against": names[0],
        "differences": {name: list(map(asdict, found)) for name, found in from_first(results).items()},
    }
    write_text(folder / "compare.json", as_json(whole, indent=2) + "\n")
    write_text(folder / "compare.csv", as_csv(rows_of(results)))
    if sheet is not None:
        formats.write(folder / "sheet.png", sheet)


def sheet_of(subjects: Sequence[Subject], names: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Rows of source | each run | target, for pictures spread evenly."""
    rows = []
    for place in bootstrap.evenly_spaced(subjects[0].count, SHOWN):
        examples = [subject.read(place) for subject in subjects]
        runs = " | ".join(f"run {number}" for number in range(1, len(names) + 1))
        captions = (
            f"{examples[0].name}: source | {' | '.join(names)} | target",
            f"picture {place + 1}: source | {runs} | target",
        )
        rows.append(row_of(joined(examples), *captions))
    return np.concatenate([padded(row, below=CAPTION // 3) for row in rows])


def joined(examples: Sequence[Example]) -> Example:
    """One example whose output is all outputs side by side."""
    return examples[0]._replace(output_rgb=torch.cat([example.output_rgb for example in examples], dim=3))
