"""Class maps and the arithmetic of the FCN-score."""

import numpy as np
import pytest
import torch

from diptych.errors import DiptychError
from diptych.evaluation.labels import IGNORED, agreement, learn_palette, tally
from diptych.pictures.class_maps import nearest_class
from diptych.pictures.kinds import Kind

PALETTE = [(0, 0, 0), (250, 0, 0), (0, 250, 0)]


def test_nearest_colour() -> None:
    picture = np.array([[[10, 5, 0], [200, 90, 0]], [[90, 200, 80], [0, 0, 0]]], np.uint8)
    assert nearest_class(picture, PALETTE).tolist() == [[0, 1], [2, 0]]


def test_a_palette_is_learnt_despite_noise() -> None:
    rng = np.random.default_rng(0)
    maps = rng.integers(3, size=(4, 20, 20))
    pictures = np.clip(np.array(PALETTE)[maps] + rng.integers(-6, 7, (4, 20, 20, 3)), 0, 255).astype(np.uint8)
    learnt = learn_palette(pictures, 3)
    order = [int(nearest_class(np.array([[colour]], np.uint8), PALETTE)[0, 0]) for colour in learnt]
    assert sorted(order) == [0, 1, 2]
    found = np.array(order)[np.array([nearest_class(picture, learnt) for picture in pictures])]
    assert (found == maps).all()
    with pytest.raises(DiptychError, match="hold 3 colours that lie apart, not 4"):
        learn_palette(pictures, 4)


@pytest.mark.parametrize("classes", [300, 1000])
def test_nearest_of_many_colours(classes: int) -> None:
    """Each colour, and one a level beside it, is its own number, by a search written out."""
    palette = [(7 * n % 256, 16 * (n // 37), 3 * n % 251) for n in range(classes)]
    numbers = np.random.default_rng(0).integers(classes, size=(30, 40))
    numbers[0, :2] = (classes - 1, 255)
    picture = np.array(palette)[numbers].clip(1, 254) + np.random.default_rng(1).integers(-1, 2, (30, 40, 3))
    found = nearest_class(picture.astype(np.uint8), palette)
    for place in np.ndindex(30, 40):
        distances = [sum((int(a) - b) ** 2 for a, b in zip(picture[place], colour, strict=True)) for colour in palette]
        assert found[place] == distances.index(min(distances))


@pytest.mark.parametrize("classes", [12, 300, 1000, 65535])
def test_classes_without_colours_get_such_as_can_be_told_apart(classes: int) -> None:
    kind = Kind(colour="labels", classes=classes)
    assert len(np.unique(kind.colours(), axis=0)) == classes + 1  # black is for what is unknown
    numbers = np.arange(classes, dtype=np.int32).reshape(1, 1, -1)
    seen = kind.preview(torch.from_numpy(numbers))
    if classes <= 1000:
        assert (nearest_class(seen, kind.colours()[:-1].tolist()) == numbers[0]).all()


def matrix_of(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def by_matrix(matrix: np.ndarray) -> tuple[float, float, float]:
    """pix2pix's three numbers from a confusion matrix, written out class by class."""
    accuracies, ious = [], []
    for number, row in enumerate(matrix):
        if row.sum():
            hits = matrix[number, number]
            accuracies.append(hits / row.sum())
            ious.append(hits / (row.sum() + matrix[:, number].sum() - hits))
    return np.trace(matrix) / matrix.sum(), float(np.mean(accuracies)), float(np.mean(ious))


@pytest.mark.parametrize("classes", [3, 300, 1000])
def test_agreement_against_a_confusion_matrix(classes: int) -> None:
    rng = np.random.default_rng(0)
    whole = np.zeros((classes, classes), np.int64)
    both = np.zeros((3, classes), np.int64)
    for _ in range(2):
        truth = rng.integers(classes, size=(40, 50)).astype(np.uint16)
        predicted = np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(classes, size=truth.shape)).astype(
            np.uint16
        )
        own = tally(truth, predicted, classes)
        both += own
        matrix = matrix_of(truth, predicted, classes)
        assert agreement(own) == pytest.approx(by_matrix(matrix))
        whole += matrix
    assert agreement(both) == pytest.approx(by_matrix(whole))


def test_agreement_on_a_matrix_worked_by_hand() -> None:
    """Truth by prediction ((3, 1, 0), (2, 3, 0), (0, 0, 0)): 6 of 9 right; class 0 3/4, class 1 3/5; unions 6 and 6 pixels."""
    found = agreement(np.array([[4, 5, 0], [5, 4, 0], [3, 3, 0]]))
    assert found == pytest.approx((6 / 9, (3 / 4 + 3 / 5) / 2, (3 / 6 + 3 / 6) / 2))


def test_a_tally_counts_and_ignores() -> None:
    truth = np.array([[0, 1, IGNORED], [2, 2, 7]], np.uint16)
    own = tally(truth, np.array([[0, 2, 0], [2, 0, 1]], np.uint16), 3)
    assert own.tolist() == [[1, 1, 2], [2, 0, 2], [1, 0, 1]]
    assert np.isnan(agreement(np.zeros((3, 2), np.int64))).all()


def test_perfect_prediction_scores_one_everywhere() -> None:
    classes = np.random.default_rng(0).integers(4, size=(8, 8)).astype(np.uint16)  # class 4 never occurs
    assert agreement(tally(classes, classes, 5)) == (1, 1, 1)
