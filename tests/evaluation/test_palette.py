"""A palette learnt from label pictures, colour by colour."""

import numpy as np
import pytest

from diptych.errors import DiptychError
from diptych.evaluation.labels import learn_palette


def picture(colours: dict[tuple[int, int, int], int]) -> np.ndarray:
    rows = [colour for colour, count in colours.items() for _ in range(count)]
    return np.array(rows, np.uint8)[:, None]


def test_the_most_frequent_colours_that_lie_apart_are_learnt() -> None:
    """Colours are counted in cubes of 8 levels, whose middles lie 48 apart or more; counts add up over pictures."""
    one = picture({(0, 0, 0): 9, (3, 7, 1): 3, (250, 0, 0): 4, (0, 0, 100): 4, (17, 130, 255): 1})
    other = picture({(0, 0, 0): 8, (255, 7, 3): 3, (215, 0, 0): 6, (202, 6, 0): 5, (0, 0, 103): 2})
    expected = [(4, 4, 4), (252, 4, 4), (4, 4, 100), (204, 4, 4), (20, 132, 252)]
    # (212, 4, 4), of 6 pixels, lies 40 from (252, 4, 4); (204, 4, 4) lies 48 from it.
    assert learn_palette([one, other], 5) == expected
    assert learn_palette(iter([one, other]), 2) == expected[:2]
    with pytest.raises(DiptychError, match=r"hold 5 colours that lie apart, not 6; give data\.palette"):
        learn_palette([one, other], 6)
