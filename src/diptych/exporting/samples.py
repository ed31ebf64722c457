"""Real pictures of a run's own data, for comparison, calibration and the examples of a page."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from diptych.data import DataSettings, open_dataset
from diptych.data.layouts import discover
from diptych.errors import DiptychError
from diptych.evaluation.bootstrap import evenly_spaced
from diptych.judging.subjects import settings_of
from diptych.translator.translator import Translator


class Sample(NamedTuple):
    """A source and its target, (1, channels, H, W) each; None for unpaired data."""

    source: Tensor
    target: Tensor | None


def held_out(settings: DataSettings) -> str:
    """The split that training does not use."""
    splits = discover(settings).splits
    return next((split for split in ("test", "val") if splits.get(split)), "train")


def samples(place: Path, translator: Translator, data: str, split: str, count: int) -> list[Sample]:
    """Up to ``count`` pictures spread over a split of the data that ``place`` was trained on, or of the folder ``data``.

    Args:
        split: "train", or "held-out".

    Raises:
        DiptychError: when the data cannot be read.
    """
    settings = settings_of(place, data, translator)
    dataset = open_dataset(settings, held_out(settings) if split == "held-out" else split, train=False)
    reverse = settings.task == "unpaired" and translator.card.way == "b-to-a"
    found = []
    for index in evenly_spaced(len(dataset), count):
        source, target = (tensor[None] for tensor in dataset.sample(index, np.random.default_rng(index)))
        source, target = (target, source) if reverse else (source, target)
        found.append(Sample(source, None if settings.task == "unpaired" else target))
    return found


def samples_or_reason(
    place: Path, translator: Translator, data: str, split: str, count: int
) -> tuple[list[Sample], str]:
    """The samples and ""; or none, and why the data cannot be read."""
    try:
        return samples(place, translator, data, split, count), ""
    except DiptychError as problem:
        return [], str(problem)
