"""Teacher and student side by side: what they compute and weigh, how long they take here, and every score with its interval."""

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.metrics import Score
from diptych.exporting import onnx_files
from diptych.exporting.engine_cache import with_engine
from diptych.exporting.export import CALIBRATION
from diptych.exporting.samples import samples
from diptych.judging.judge import Result
from diptych.pictures.padding import pad
from diptych.translator.engines import PACKAGES
from diptych.translator.operations import cost_of
from diptych.translator.translator import Translator

ROUNDS, WARMING, SECONDS = 15, 3, 4.0
"""Calls of each of the two that are timed, those before, and the seconds after which no round begins."""


class Row(NamedTuple):
    """One figure of both."""

    name: str
    teacher: float
    student: float


def costs(teacher: Translator, student: Translator) -> list[Row]:
    """Multiply-adds and weights."""
    first, second = cost_of(teacher.card), cost_of(student.card)
    return [
        Row("multiply-adds", first.multiply_adds, second.multiply_adds),
        Row("weights", first.weights, second.weights),
    ]


def times(runs: tuple[Path, Path], pair: tuple[Translator, Translator], source: Tensor) -> Iterator[Row]:
    """Milliseconds of one picture under each engine that is installed, in float32 and in int8."""
    yield Row("ms torch", *milliseconds(pair, source))
    for engine in (name for name in ("onnx", "openvino") if find_spec(PACKAGES[name])):
        with suppress(DiptychError):  # an engine that cannot take one of them
            yield Row(f"ms {engine}", *milliseconds([with_engine(one, engine)[0] for one in pair], source))
    if find_spec("nncf") is None:
        return
    with suppress(DiptychError), tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        small = [
            in_int8(run, one, Path(folder) / f"{number}.onnx")
            for number, (run, one) in enumerate(zip(runs, pair, strict=True))
        ]
        yield Row("ms int8", *milliseconds(small, source))


def in_int8(run: Path, translator: Translator, file: Path) -> Translator:
    """The translator in int8, calibrated on training pictures, under the fastest engine."""
    pictures = samples(run, translator, "", "train", CALIBRATION)
    inputs = [pad(one.source, translator.card.multiple).numpy() for one in pictures]
    onnx_files.write(translator, file, precision="int8", calibration=inputs)
    return Translator.load_onnx(file, "openvino" if find_spec("openvino") else "onnx")


def milliseconds(pair: Sequence[Translator], source: Tensor) -> list[float]:
    """The median of each, called in turn, so that a busy machine slows both alike."""
    taken: list[list[float]] = [[] for _ in pair]
    began = time.perf_counter()
    for number in range(-WARMING, ROUNDS):
        if number > WARMING and time.perf_counter() - began > SECONDS:
            break
        for translator, kept in zip(pair, taken, strict=True):
            start = time.perf_counter()
            translator.batch(source)
            if number >= 0:
                kept.append(1000 * (time.perf_counter() - start))
    return [statistics.median(one) for one in taken]


def of_figures(rows: Sequence[Row]) -> list[list[str]]:
    """A heading, and a line for each."""
    return [
        ["", "teacher", "student", "of the teacher's"],
        *([row.name, shown(row.teacher), shown(row.student), f"1/{row.teacher / row.student:.2f}"] for row in rows),
    ]


def shown(value: float) -> str:
    """A number with its prefix: 707.0 M."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.2f}{letter}"
    return f"{value:.1f}"


def of_scores(teacher: Result, student: Result) -> list[list[str]]:
    """A heading, and a line for each score that both have, with 95 % intervals."""
    theirs = {score.metric: score for score in teacher.scores}
    both = [(theirs[own.metric], own) for own in student.scores if own.metric in theirs]
    rows = [
        [
            own.metric,
            f"{one.value:.4f}",
            interval(one),
            f"{own.value:.4f}",
            interval(own),
            own.better,
            verdict(one, own),
        ]
        for one, own in both
    ]
    return [["", "teacher", "95 %", "student", "95 %", "better", "student's is"], *rows]


def interval(score: Score) -> str:
    return "" if score.low == score.high else f"{score.low:.4f} to {score.high:.4f}"


def verdict(teacher: Score, student: Score) -> str:
    """Whether the student's value lies within the teacher's interval, or else is better or worse; of scores without one nothing."""
    if teacher.low == teacher.high:
        return ""
    if teacher.low <= student.value <= teacher.high:
        return "within"
    if student.better == "near 1":
        return "better" if abs(student.value - 1) < abs(teacher.value - 1) else "worse"
    if student.better not in ("higher", "lower"):
        return "outside"
    return "better" if (student.value > teacher.high) == (student.better == "higher") else "worse"


def one_picture(translator: Translator) -> Tensor:
    """A picture of the scale of training, of noise; what it shows does not change the time."""
    height, width = translator.card.size
    generator = torch.Generator().manual_seed(0)
    channels = translator.card.source.network_channels
    return (
        torch.rand(1, channels, height // translator.card.scale, width // translator.card.scale, generator=generator)
        * 2
        - 1
    )
