"""The levels of a U-Net."""

import pytest

from diptych.errors import UsageError
from diptych.systems.parts.unet_depth import depth_for


def test_depth_follows_the_picture_s_size() -> None:
    assert depth_for((256, 256), 0) == 8
    assert depth_for((128, 128), 0) == 7
    assert depth_for((512, 256), 0) == 8
    assert depth_for((1024, 1024), 0) == 8
    assert depth_for((256, 256), 5) == 5
    assert depth_for((480, 480), 0) == 5
    assert depth_for((16, 16), 0) == 4
    assert depth_for((100, 100), 2) == 2


@pytest.mark.parametrize(
    ("size", "wanted", "words"),
    [
        ((128, 128), 8, r"options\.depth is 8: .* data\.crop_size is 128x128, which can be halved 7 times"),
        ((128, 128), 1, "two or more levels"),
        ((286, 286), 0, "can halve only 1 times"),
        ((255, 256), 0, "can halve only 0 times"),
        ((60, 60), 0, "can halve only 2 times"),
        ((360, 480), 0, "choose a multiple of 32"),
    ],
)
def test_sizes_that_a_u_net_cannot_halve_often_enough(size: tuple[int, int], wanted: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        depth_for(size, wanted)
