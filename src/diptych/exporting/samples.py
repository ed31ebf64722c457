"""Real pictures of a run's own data, for comparison, calibration and the examples of a page."""

from pathlib import Path
from typing import Literal, NamedTuple

from torch import Tensor

from diptych.errors import DiptychError
from diptych.judging.subjects import EvaluationSplit, held_out_split, settings_of
from diptych.translator.translator import Translator

Split = Literal["train", "held-out"]


class Sample(NamedTuple):
    """A source and its target, (1, channels, H, W) each; None for unpaired data."""

    source: Tensor
    target: Tensor | None


def samples(place: Path, translator: Translator, data: str, split: Split, count: int) -> list[Sample]:
    """Up to ``count`` pictures spread over a split of the data that ``place`` was trained on, or of the folder ``data``.

    Raises:
        DiptychError: when the data cannot be read.
    """
    settings = settings_of(place, data, translator)
    chosen = EvaluationSplit.open(
        settings, "train" if split == "train" else held_out_split(place, data), count, translator.card.way
    )
    pairs = map(chosen.tensors, chosen.chosen)
    filled = ((source.nan_to_num(nan=0.0), target.nan_to_num(nan=0.0)) for source, target in pairs)  # NaN: no data
    return [Sample(source, target if chosen.paired else None) for source, target in filled]


def samples_or_reason(
    place: Path, translator: Translator, data: str, split: Split, count: int
) -> tuple[list[Sample], str]:
    """The samples and ""; or none, and why the data cannot be read."""
    try:
        return samples(place, translator, data, split, count), ""
    except DiptychError as problem:
        return [], str(problem)
