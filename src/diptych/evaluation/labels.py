"""Class maps: the colours of label pictures, and the agreement of two class maps."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError

ClassMap = npt.NDArray[np.uint16]
IGNORED = 65535
"""A class that is not scored."""
APART = 48.0  # distance of two learnt colours


def learn_palette(pictures: Iterable[npt.NDArray[np.uint8]], classes: int) -> list[tuple[int, int, int]]:
    """The most frequent colours of label pictures that lie well apart, most frequent first.

    Raises:
        DiptychError: when there are fewer such colours than classes.
    """
    counts: dict[int, int] = {}
    for picture in pictures:
        packed = (picture.reshape(-1, 3).astype(np.int64) // 8) @ (1 << 10, 1 << 5, 1)
        for colour, count in zip(*np.unique(packed, return_counts=True), strict=True):
            counts[int(colour)] = counts.get(int(colour), 0) + int(count)
    found: list[tuple[int, int, int]] = []
    for packed_colour in sorted(counts, key=lambda colour: -counts[colour]):
        colour = (packed_colour >> 10) * 8 + 4, (packed_colour >> 5 & 31) * 8 + 4, (packed_colour & 31) * 8 + 4
        if all(np.linalg.norm(np.subtract(colour, other)) >= APART for other in found):
            found.append(colour)
        if len(found) == classes:
            return found
    raise DiptychError(
        f"the label pictures hold {len(found)} colours that lie apart, not {classes}; give data.palette."
    )


class Agreement(NamedTuple):
    """Shares in [0, 1]: of pixels; of each class's pixels, averaged; intersection over union, averaged."""

    pixel_accuracy: float
    class_accuracy: float
    class_iou: float


def tally(truth: ClassMap, predicted: ClassMap, classes: int) -> npt.NDArray[np.int64]:
    """(3, classes): the true pixels of each class, its predicted pixels, and those that are both.

    Pixels of IGNORED or unknown truth are left out.
    """
    known = truth < classes
    real, made = truth[known], predicted[known]
    return np.stack([np.bincount(which, minlength=classes) for which in (real, made, real[real == made])])


def agreement(counts: npt.NDArray[np.int64]) -> Agreement:
    """The FCN-score's three numbers (pix2pix, Table 1), over classes with true pixels; NaN if no class has any."""
    truth, predicted, hits = counts[:, counts[0] > 0]
    if not truth.size:
        return Agreement(math.nan, math.nan, math.nan)
    return Agreement(
        float(hits.sum() / truth.sum()),
        float((hits / truth).mean()),
        float((hits / (truth + predicted - hits)).mean()),
    )


def class_ious(counts: npt.NDArray[np.int64]) -> dict[int, float]:
    """Intersection over union of each class that has true pixels, by its number."""
    truth, predicted, hits = counts
    return {int(one): float(hits[one] / (truth + predicted - hits)[one]) for one in np.flatnonzero(truth)}
