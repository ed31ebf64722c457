"""Crops and sizes by those of the pictures and by what is stated."""

from pathlib import Path
from typing import Any

import pytest
from choices import chosen, pairs_of

from diptych.errors import DiptychError
from diptych.training.setup.sizes import largest_crop


@pytest.mark.parametrize(
    ("size", "found"),
    [
        ((48, 48), {"data.crop_size": 32, "data.load_size": 36, "data.fit": "stretch"}),
        ((96, 96), {"data.crop_size": 96, "data.load_size": 107, "data.fit": "stretch"}),
        ((140, 140), {"data.crop_size": 128, "data.load_size": 143, "data.fit": "stretch"}),
        ((150, 200), {"data.crop_size": 128, "data.load_size": 143, "data.fit": "shorter-side"}),
        ((300, 320), {"data.crop_size": 128, "data.fit": "none"}),
    ],
)
def test_sizes_by_those_of_the_pictures(size: tuple[int, int], found: dict[str, Any], tmp_path: Path) -> None:
    _, keys = chosen(pairs_of(tmp_path / "set", size))
    assert {key: keys[key] for key in found} == found


@pytest.mark.parametrize(
    ("size", "stated", "found"),
    [
        ((300, 300), "data.load_size=150", {"crop_size": 128, "load_size": 150, "fit": "stretch"}),
        ((300, 300), "data.load_size=100", {"crop_size": 96, "load_size": 100, "fit": "stretch"}),
        ((300, 400), "data.load_size=[150, 200]", {"crop_size": 128, "load_size": [150, 200], "fit": "shorter-side"}),
        ((48, 48), "data.load_size=100", {"crop_size": 96, "load_size": 100, "fit": "stretch"}),
        ((300, 300), "data.crop_size=288", {"crop_size": 288, "load_size": 322, "fit": "stretch"}),
        ((300, 300), "data.crop_size=64", {"crop_size": 64, "load_size": 72, "fit": "stretch"}),
        ((300, 300), "data.fit=stretch", {"crop_size": 128, "load_size": 143, "fit": "stretch"}),
        ((140, 140), "data.fit=none", {"crop_size": 128, "fit": "none"}),
    ],
)
def test_a_stated_size_binds_the_others(
    size: tuple[int, int], stated: str, found: dict[str, Any], tmp_path: Path
) -> None:
    _, keys = chosen(pairs_of(tmp_path / "set", size, 4), stated)
    assert {key: keys[f"data.{key}"] for key in found} == found


def test_a_load_size_that_is_too_small(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"data\.load_size is 12; 16 are the least"):
        chosen(pairs_of(tmp_path / "set", (48, 48)), "data.load_size=12")


@pytest.mark.parametrize(
    ("size", "fit", "reason"),
    [
        ((512, 512), "none", "pictures of 512x512 are much larger: crops at full resolution, each 6 % of one"),
        ((300, 400), "none", "pictures of 300x400 are much larger: crops at full resolution, each 14 % of one"),
        ((528, 528), "stretch", "crops at full resolution: data.fit=none"),
        ((500, 700), "shorter-side", "crops at full resolution: data.fit=none"),
    ],
)
def test_crops_must_show_a_sixteenth_of_a_picture(size: tuple[int, int], fit: str, reason: str, tmp_path: Path) -> None:
    """A crop of 128 has 16,384 pixels: a sixteenth of 512 x 512."""
    choice, keys = chosen(pairs_of(tmp_path / "set", size, 4))
    assert (keys["data.crop_size"], keys["data.fit"]) == (128, fit)
    assert keys["data.load_size"] == 143 or fit == "none"
    assert next(why for what, why in choice.rows if what.startswith("data.fit")).endswith(reason)


def test_pictures_that_are_too_small(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="have 12 pixels on their shorter side; 16 are the least"):
        chosen(pairs_of(tmp_path / "set", (12, 12)))


def test_crops_that_the_networks_take() -> None:
    assert [largest_crop(room) for room in (16, 31, 32, 63, 64, 100, 128, 256)] == [16, 24, 32, 32, 64, 96, 128, 256]
