"""Intervals by resampling, against quantiles and against what theory says of a mean."""

import numpy as np
import numpy.typing as npt
import pytest

from diptych.evaluation import bootstrap


def test_draws_are_with_replacement_and_the_same_each_time() -> None:
    numbers = bootstrap.draws(6)
    assert numbers.shape == (1000, 6)
    assert np.array_equal(numbers, bootstrap.draws(6))
    assert np.bincount(numbers.ravel(), minlength=6) == pytest.approx([1000] * 6, rel=0.1)
    assert len({tuple(row) for row in numbers.tolist()}) > 900
    assert any(len(set(row)) < 6 for row in numbers.tolist())
    assert bootstrap.draws(6, 4).shape == (4, 6)
    assert bootstrap.draws(3, 2).tolist() == np.random.default_rng(0).integers(3, size=(2, 3)).tolist()


def test_interval_is_the_middle_95_percent() -> None:
    shuffled = np.random.default_rng(0).permutation(1001).astype(np.float64)
    assert bootstrap.interval(shuffled) == pytest.approx((25, 975))


def test_interval_of_a_mean() -> None:
    """1.96 standard errors to either side, for many values."""
    values = np.random.default_rng(1).normal(3, 2, 400)
    low, high = bootstrap.of_mean(values)
    error = values.std() / 400**0.5
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.15 * error)
    assert bootstrap.of_mean(values, 50) != (low, high)
    two = np.array([1.0, 3.0])
    assert bootstrap.of_mean(two) == (1, 3)  # each of the two ends is drawn in a quarter of the sets


def test_no_interval_where_there_is_nothing_to_resample() -> None:
    assert bootstrap.of_mean(np.array([7.0])) == (7, 7)
    assert bootstrap.of_mean(np.array([7.0, np.inf, 8.0])) == (np.inf, np.inf)


def test_statistics_of_resampled_sets() -> None:
    def largest(numbers: npt.NDArray[np.intp]) -> float:
        return float(numbers.max())

    assert bootstrap.of_statistic(5, largest).tolist() == bootstrap.draws(5, 100).max(1).tolist()
    assert len(bootstrap.of_statistic(5, largest, 7)) == 7
