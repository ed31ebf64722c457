"""Intervals by resampling against what is known of resources."""

import math

import numpy as np
import pytest

from diptych.evaluation.bootstrap import draws, interval, of_mean


@pytest.mark.parametrize(("count", "deviation"), [(100, 1.0), (400, 0.2), (400, 3.0)])
def test_the_interval_of_a_mean_is_as_wide_as_theory_says(count: int, deviation: float) -> None:
    """95 % of a normal distribution lie within 1.96 standard errors; a thousand draws know that to a few hundredths."""
    values = np.random.default_rng(3).normal(5.0, deviation, count)
    low, high = of_mean(values)
    error = values.std() / math.sqrt(count)
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.08)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.15 * error)


def test_the_interval_leaves_a_fortieth_out_on_either_side() -> None:
    assert interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))


def test_every_picture_is_drawn_equally_often_and_with_replacement() -> None:
    chosen = draws(50)
    assert chosen.shape == (1000, 50)
    often = np.bincount(chosen.ravel(), minlength=50)
    assert often.min() > 850  # of 1000 expected
    assert often.max() < 1150
    # Of n pictures a draw has about (1 - 1/e) n different ones.
    different = np.mean([len(set(row)) for row in chosen.tolist()])
    assert different == pytest.approx(50 * (1 - (1 - 1 / 50) ** 50), rel=0.02)
    assert np.array_equal(chosen, draws(50))
