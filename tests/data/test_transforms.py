"""Geometry: every window lies in the picture, has the crop's size, and is the same for both halves."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from diptych.data.transforms import Geometry, Window
from diptych.pictures.kinds import Stored
from diptych.pictures.resizing import Filter
from diptych.pictures.sizes import resized_size

SIDES = some.integers(1, 40)
SIZES = some.tuples(SIDES, SIDES)
Fit = Literal["stretch", "shorter-side", "none"]
AVERAGING: tuple[Filter, ...] = ("bicubic", "bilinear")


def picture(height: int, width: int, depth: str = "uint8") -> Stored:
    """Each pixel holds its own row, column and a constant."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 7)], axis=2).astype(depth)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    crop=SIZES,
    more=SIZES,
    size=SIZES,
    fit=some.sampled_from(["stretch", "shorter-side", "none"]),
    mirror=some.booleans(),
    depth=some.sampled_from(["uint8", "uint16", "float32"]),
    seed=some.integers(0, 2**32),
)
def test_any_picture_gives_the_crop_size(
    crop: tuple[int, int],
    more: tuple[int, int],
    size: tuple[int, int],
    fit: Fit,
    mirror: bool,
    depth: str,
    seed: int,
) -> None:
    geometry = Geometry((crop[0] + more[0], crop[1] + more[1]), crop, fit, mirror)
    stored = picture(*size, depth)
    before = stored.copy()
    stored.flags.writeable = False
    for window in (geometry.draw(np.random.default_rng(seed), *size), geometry.whole(*size)):
        assert window.top >= 0
        assert window.left >= 0
        assert window.top + crop[0] <= window.height
        assert window.left + crop[1] <= window.width
        assert mirror or not window.mirrored
        result = geometry.apply(stored, window)
        assert result.shape == (*crop, 3)
        assert result.dtype == stored.dtype
        assert result.flags.writeable
        assert not np.shares_memory(result, stored)
    assert np.array_equal(stored, before)


@settings(deadline=None, derandomize=True)
@given(seed=some.integers(0, 2**32), size=some.tuples(some.integers(8, 30), some.integers(8, 30)))
def test_one_window_takes_the_same_place_of_both(seed: int, size: tuple[int, int]) -> None:
    geometry = Geometry((8, 8), (6, 5), "none")
    window = geometry.draw(np.random.default_rng(seed), *size)
    first, second = geometry.apply(picture(*size), window), geometry.apply(picture(*size, "uint16"), window)
    assert np.array_equal(first, second)
    rows = np.arange(window.top, window.top + 6)
    columns = np.arange(window.left, window.left + 5)
    assert np.array_equal(first[:, 0, 0], rows)
    assert np.array_equal(first[0, :, 1], columns[::-1] if window.mirrored else columns)


def test_every_place_and_both_sides_are_drawn() -> None:
    geometry = Geometry((12, 12), (10, 10))
    rng = np.random.default_rng(0)
    windows = {geometry.draw(rng, 30, 40) for _ in range(400)}
    assert {(window.top, window.left, window.mirrored) for window in windows} == {
        (top, left, mirrored) for top in range(3) for left in range(3) for mirrored in (False, True)
    }


def test_mirroring_off_leaves_the_crops_as_they_were() -> None:
    with_mirror = [Geometry((12, 12), (10, 10)).draw(np.random.default_rng(seed), 20, 20) for seed in range(20)]
    without = [
        Geometry((12, 12), (10, 10), mirror=False).draw(np.random.default_rng(seed), 20, 20) for seed in range(20)
    ]
    assert [window._replace(mirrored=False) for window in with_mirror] == without


@pytest.mark.parametrize(
    ("fit", "size", "loaded"),
    [
        ("stretch", (50, 100), (12, 12)),
        ("shorter-side", (50, 100), (12, 24)),
        ("shorter-side", (100, 50), (24, 12)),
        ("none", (50, 100), (50, 100)),
        ("none", (5, 10), (10, 20)),  # under the crop's size: scaled up, its shape kept
    ],
)
def test_how_a_picture_comes_to_its_load_size(fit: Fit, size: tuple[int, int], loaded: tuple[int, int]) -> None:
    assert Geometry((12, 12), (10, 10), fit).draw(np.random.default_rng(0), *size)[:2] == loaded


def test_validation_sees_the_whole_or_the_middle() -> None:
    assert Geometry((12, 12), (10, 10), "stretch").whole(50, 100) == (10, 10, 0, 0, False)
    assert Geometry((12, 12), (10, 10), "shorter-side").whole(50, 100) == (10, 20, 0, 5, False)
    assert Geometry((12, 12), (10, 10), "none").whole(50, 100) == (50, 100, 20, 45, False)


def test_for_evaluation_at_another_size_a_picture_stays_whole() -> None:
    geometry = Geometry((12, 12), (10, 10), own=True)
    assert geometry.whole(9, 30) == (9, 30, 0, 0, False)
    assert np.array_equal(geometry.apply(picture(9, 30), geometry.whole(9, 30)), picture(9, 30))


def test_a_window_of_a_resized_picture() -> None:
    """Resized by the geometry's filter, or by one that is given; mirrored left to right."""
    stored = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    geometry = Geometry((18, 24), (10, 7), "stretch", filter="nearest")
    window = Window(18, 24, 3, 5, True)
    twice = stored.repeat(2, 0).repeat(2, 1)
    assert np.array_equal(geometry.apply(stored, window), twice[3:13, 5:12][:, ::-1])
    assert np.array_equal(geometry.apply(stored, window._replace(mirrored=False)), twice[3:13, 5:12])
    for chosen in AVERAGING:
        other = Geometry((18, 24), (10, 7), "stretch", filter=chosen)
        assert np.array_equal(other.apply(stored, window), geometry.apply(stored, window, chosen))
        assert not np.array_equal(other.apply(stored, window), geometry.apply(stored, window))


def test_scales_round_to_pixels_and_cover_the_crop() -> None:
    geometry = Geometry((20, 30), (16, 24), "shorter-side")
    assert resized_size("shorter-side", 40, 90, (20, 30), (16, 24)) == (
        20,
        45,
    )  # the shorter side to the smaller of the two
    assert resized_size("shorter-side", 40, 44, (20, 30), (16, 24)) == (22, 24)  # would be 22 wide, under the crop
    assert resized_size("shorter-side", 41, 60, (20, 30), (16, 24)) == (20, 29)
    window = geometry.whole(40, 90)  # to the crop's own size, the middle
    assert window == (16, 36, 0, 6, False)
    assert Geometry((20, 30), (16, 24), "none").whole(21, 31) == (21, 31, 2, 3, False)
    assert Geometry((20, 30), (16, 24)).fit == "stretch"
    assert Geometry((20, 30), (16, 24)).mirror
    assert Geometry((20, 30), (16, 24)).filter == "bicubic"


def test_half_of_the_draws_are_mirrored() -> None:
    rng = np.random.default_rng(0)
    mirrored = [Geometry((12, 12), (10, 10)).draw(rng, 20, 20).mirrored for _ in range(2000)]
    assert np.mean(mirrored) == pytest.approx(0.5, abs=0.04)
