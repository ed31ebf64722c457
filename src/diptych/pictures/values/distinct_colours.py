"""Colours for classes without a palette."""

from functools import cache

import numpy as np


@cache
def distinct_colours(count: int) -> tuple[tuple[int, int, int], ...]:
    """8-bit colours, all different and none black.

    The first hundreds go around the colour wheel by the golden angle, bright and dark in turn. Further ones are multiples
    of an odd number, which all differ.
    """
    number = np.arange(count)[:, None]
    turns = (number * 0.618034 + np.array([0, 1 / 3, 2 / 3])) * 2 * np.pi
    bright = np.where(number % 2, 160, 100)
    wheel = (bright * (1 + 0.55 * np.cos(turns))).astype(np.uint8) @ np.array([1 << 16, 1 << 8, 1])
    more = (number[:, 0] + 1) * 0x9E3779 % (1 << 24)
    codes = list(dict.fromkeys([*wheel.tolist(), *more.tolist()]))[:count]
    return tuple((code >> 16, code >> 8 & 255, code & 255) for code in codes)
