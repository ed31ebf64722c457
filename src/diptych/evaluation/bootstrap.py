"""Intervals of scores: bootstrap over the pictures, always with the same draws."""

import math

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
DRAWS = 1000
LEVEL = 0.95


def draws(count: int, times: int = DRAWS) -> npt.NDArray[np.intp]:
    """(times, count) picture numbers drawn with replacement; the same for every run, so that runs stay paired."""
    return np.random.default_rng(0).integers(count, size=(times, count))


def evenly_spaced(count: int, limit: int) -> list[int]:
    """Up to ``limit`` of ``count`` picture numbers, evenly spaced; all of them for a limit of 0."""
    return [place * count // limit for place in range(limit)] if 0 < limit < count else list(range(count))


def interval(statistics: Values) -> tuple[float, float]:
    """The middle 95 % of resampled statistics without undefined ones; NaN where all are undefined."""
    statistics = statistics[~np.isnan(statistics)]
    if not len(statistics):
        return math.nan, math.nan
    low, high = np.quantile(statistics, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def of_mean(values: Values, times: int = DRAWS) -> tuple[float, float]:
    """The 95 % interval of the mean of per-picture values.

    Infinite values (the PSNR of equal pictures) make an infinite end, not a NaN.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        return float(values.mean()), float(values.mean())
    return interval(values[draws(len(values), times)].mean(1))
