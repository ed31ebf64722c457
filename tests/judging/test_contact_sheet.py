"""The sheet of a demonstration: where each picture lies, in its own shape."""

import numpy as np
import torch

from diptych.evaluation.metrics import Example
from diptych.judging.contact_sheet import GAP, SIDE, TITLE, contact_sheet


def plain(height: int, width: int, value: float) -> torch.Tensor:
    return torch.full((1, 3, height, width), value)


def test_pictures_keep_their_shape_and_squares_fill_their_place() -> None:
    wide, square = plain(8, 16, -1.0), plain(8, 8, 0.0)
    sheet = contact_sheet([Example("one", square, square, wide, wide, wide)], ("source", "output", "target"))
    assert sheet.shape == (TITLE + SIDE, 2 * 3 * SIDE + GAP, 3)
    source, output, target = (sheet[TITLE:, part * SIDE : (part + 1) * SIDE] for part in range(3))
    assert (output == 128).all()
    for picture in (source, target):
        assert (picture[SIDE // 4 : 3 * SIDE // 4] == 0).all()
        assert (picture[: SIDE // 4] == 255).all()
        assert (picture[3 * SIDE // 4 :] == 255).all()
    np.testing.assert_array_equal(sheet[TITLE:, 3 * SIDE :], 255)
