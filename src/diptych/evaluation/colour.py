"""Histograms of colours in CIE Lab, of outputs and targets (pix2pix, figure 7)."""

import numpy as np
import numpy.typing as npt

from diptych.pictures.kinds import rgb_to_lab

BINS = 101  # odd, so that 0, the value of greys, is the centre of a bin and not an edge
RANGES = ((0.0, 100.0), (-110.0, 110.0), (-110.0, 110.0))
"""Of L, a and b; values outside count to the outermost bin."""


class LabHistograms:
    """Marginal histograms of L, a and b over all pixels of all pictures."""

    def __init__(self) -> None:
        self.counts = np.zeros((3, BINS))

    def add(self, picture: npt.NDArray[np.uint8]) -> None:
        """uint8 RGB, (height, width, 3)."""
        planes = rgb_to_lab(picture.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
        for counts, plane, (low, high) in zip(self.counts, planes, RANGES, strict=True):
            places = np.clip(((plane - low) / (high - low) * BINS).astype(int), 0, BINS - 1)
            counts += np.bincount(places.ravel(), minlength=BINS)

    def shares(self) -> npt.NDArray[np.float64]:
        shares: npt.NDArray[np.float64] = self.counts / self.counts.sum(1, keepdims=True).clip(1)
        return shares


def intersection(one: LabHistograms, other: LabHistograms) -> tuple[float, float, float]:
    """Histogram intersection of L, a and b, each in [0, 1]; 1 = the same shares."""
    light, green_red, blue_yellow = np.minimum(one.shares(), other.shares()).sum(1)
    return float(light), float(green_red), float(blue_yellow)
