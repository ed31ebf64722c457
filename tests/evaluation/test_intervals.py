"""The ends of resampling: few values, infinite ones, and draws that are the same in every run."""

import numpy as np

from diptych.evaluation import bootstrap


def test_draws_are_those_of_every_other_run() -> None:
    assert bootstrap.draws(3, 2).tolist() == np.random.default_rng(0).integers(3, size=(2, 3)).tolist()
    assert bootstrap.draws(6).shape == (1000, 6)


def test_an_interval_of_few_values() -> None:
    assert bootstrap.of_mean(np.array([1.0, 3.0])) == (1, 3)  # either is all that a quarter of the draws have
    assert bootstrap.of_mean(np.array([7.0])) == (7, 7)
    values = np.random.default_rng(1).normal(3, 2, 40)
    assert bootstrap.of_mean(values) == bootstrap.interval(values[bootstrap.draws(40)].mean(1))
    assert bootstrap.of_mean(values, 50) == bootstrap.interval(values[bootstrap.draws(40, 50)].mean(1))


def test_an_infinite_value_makes_infinite_ends() -> None:
    assert bootstrap.of_mean(np.array([7.0, np.inf, 8.0])) == (np.inf, np.inf)
