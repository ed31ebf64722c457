"""What a set as a whole gives reason to doubt; and that ordinary sets give none."""

import pytest

from diptych.data.checks.set_warnings import layout_warnings
from diptych.data.entries import Layout
from diptych.data.settings import DataSettings
from diptych.pictures.decoded import Header

Sizes = list[tuple[int, int]]
"""Width and height."""


def doubts(sizes: Sizes, settings: DataSettings | None = None, kind: str = "side-by-side") -> list[str]:
    headers = [Header(height, width, 3, "uint8") for width, height in sizes]
    found = layout_warnings(settings or DataSettings(), Layout(kind, "", {}, {}), headers)
    return [finding.message for finding in found]


@pytest.mark.parametrize(
    ("sizes", "count", "half"),
    [
        ([(256, 256)] * 4, 4, "128x256"),
        ([(64, 96)] * 3 + [(128, 64)], 3, "32x96"),
        ([(768, 512)] * 18 + [(512, 768)] * 6, 6, "256x768"),  # a camera that was turned, as for Kodak's pictures
    ],
)
def test_single_pictures_are_noticed(sizes: Sizes, count: int, half: str) -> None:
    (words,) = doubts(sizes)
    assert words.startswith(f"{count} of {len(sizes)} pictures are square or upright")
    assert f"halves of {half}" in words or f"half of {half}" in words


@pytest.mark.parametrize(
    "sizes", [[(512, 256)] * 5, [(356, 218)] * 5, [(512, 256), (512, 384), (600, 256)], [(512, 256)] * 5 + [(256, 256)]]
)
def test_pairs_are_not(sizes: Sizes) -> None:
    assert doubts(sizes) == []


def test_what_is_stated_is_not_doubted() -> None:
    assert doubts([(256, 256)] * 4, DataSettings(layout="side-by-side")) == []
    assert doubts([(256, 256)] * 4, kind="folders") == []
