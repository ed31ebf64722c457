"""Class maps and the arithmetic of the FCN-score."""

import numpy as np
import pytest

from diptych.classmaps import nearest
from diptych.errors import DiptychError
from diptych.evaluation.labels import IGNORED, Confusion, agreement, learn_palette

PALETTE = [(0, 0, 0), (250, 0, 0), (0, 250, 0)]


def test_nearest_colour() -> None:
    picture = np.array([[[10, 5, 0], [200, 90, 0]], [[90, 200, 80], [0, 0, 0]]], np.uint8)
    assert nearest(picture, PALETTE).tolist() == [[0, 1], [2, 0]]


def test_a_palette_is_learnt_despite_noise() -> None:
    rng = np.random.default_rng(0)
    maps = rng.integers(3, size=(4, 20, 20))
    pictures = np.clip(np.array(PALETTE)[maps] + rng.integers(-6, 7, (4, 20, 20, 3)), 0, 255).astype(np.uint8)
    learnt = learn_palette(pictures, 3)
    order = [int(nearest(np.array([[colour]], np.uint8), PALETTE)[0, 0]) for colour in learnt]
    assert sorted(order) == [0, 1, 2]
    found = np.array(order)[np.array([nearest(picture, learnt) for picture in pictures])]
    assert (found == maps).all()
    with pytest.raises(DiptychError, match="hold 3 colours that lie apart, not 4"):
        learn_palette(pictures, 4)


def test_agreement_on_a_matrix_worked_by_hand() -> None:
    """Truth by prediction: 6 of 9 right; class 0 3/4, class 1 3/5; unions 4 + 2 and 5 + 1 pixels."""
    counts = np.array([[3, 1, 0], [2, 3, 0], [0, 0, 0]])
    found = agreement(counts)
    assert found == pytest.approx((6 / 9, (3 / 4 + 3 / 5) / 2, (3 / 6 + 3 / 6) / 2))


def test_confusion_counts_and_ignores() -> None:
    confusion = Confusion(3)
    truth = np.array([[0, 1, IGNORED], [2, 2, 7]], np.uint8)
    own = confusion.add(truth, np.array([[0, 2, 0], [2, 0, 1]], np.uint8))
    assert own.tolist() == [[1, 0, 0], [0, 0, 1], [1, 0, 1]]
    confusion.add(truth, truth.clip(0, 2))
    assert confusion.counts.sum() == 8
    assert agreement(Confusion(2).counts) == (0, 0, 0)
    with pytest.raises(DiptychError, match="cannot be compared"):
        confusion.add(truth, truth[:1])


def test_perfect_prediction_scores_one_everywhere() -> None:
    confusion = Confusion(5)
    classes = np.random.default_rng(0).integers(4, size=(8, 8)).astype(np.uint8)  # class 4 never occurs
    confusion.add(classes, classes)
    assert agreement(confusion.counts) == (1, 1, 1)
