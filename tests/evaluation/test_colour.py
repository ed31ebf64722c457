"""Histograms of colours: their ends, and what is nearly nothing."""

import numpy as np

from diptych.evaluation.colour import BINS, LabHistograms


def test_black_and_white_are_at_the_ends_of_lightness() -> None:
    found = LabHistograms()
    found.add(np.zeros((1, 1, 3), np.uint8))
    assert found.shares()[0].tolist() == [1, *[0] * (BINS - 1)]  # of one pixel
    found.add(np.full((1, 3, 3), 255, np.uint8))
    assert found.shares()[0, [0, BINS - 1]].tolist() == [0.25, 0.75]


def test_shares_of_no_picture_are_none() -> None:
    assert LabHistograms().shares().tolist() == np.zeros((3, BINS)).tolist()
