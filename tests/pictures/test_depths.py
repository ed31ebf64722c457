"""Signed and wide values: what a file held comes back to the bit, and nothing is given another meaning."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.errors import DiptychError, UsageError
from diptych.pictures.depths import LIMITS, shown
from diptych.pictures.formats import from_array, probe, read, write
from diptych.pictures.kinds import Kind
from diptych.pictures.resizing import resize

CT = Kind("grey", "int16", low=-1024, high=3000, unit="HU")
DEPTHS = ["int8", "int16", "int32", "float64"]


def values(depth: str, channels: int = 1) -> Any:
    """(6, 5, channels) that reach to both ends of the depth."""
    rng = np.random.default_rng(0)
    if depth == "float64":
        return rng.normal(scale=1e-3, size=(6, 5, channels)) + 1234567.0
    low, high = (int(end) for end in LIMITS[depth])
    found = rng.integers(low, high, (6, 5, channels), endpoint=True).astype(depth)
    found.flat[:2] = low, high
    return found


def kind_of(depth: str, channels: int = 1) -> Kind:
    low, high = LIMITS.get(depth, (1234560.0, 1234570.0))
    return Kind("channels", depth, channels, low, high)  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("ending", [".tif", ".npy", ".npz"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_files_come_back_to_the_bit(depth: str, ending: str, channels: int, tmp_path: Path) -> None:
    picture, place = values(depth, channels), tmp_path / f"a{ending}"
    write(place, picture)
    back = read(place, kind_of(depth, channels))
    assert back.dtype == depth
    np.testing.assert_array_equal(back, picture)
    header = probe(place)
    assert (header.depth, header.channels) == (depth, channels)
    if ending == ".tif":
        np.testing.assert_array_equal(tifffile.imread(place).reshape(picture.shape), picture)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_formats_without_signed_values_are_refused(ending: str, tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"cannot hold 1 channels of int16; write \.tif or \.npy instead"):
        write(tmp_path / f"a{ending}", values("int16"))


def test_the_range_of_a_signed_kind_is_stated() -> None:
    with pytest.raises(UsageError, match="a kind of int16 must state its range, such as low = -1024 and high = 3000"):
        Kind("grey", "int16")
    with pytest.raises(UsageError, match=r"a kind of int8 cannot reach from -200\.0 to 100\.0; it holds -128 to 127"):
        Kind("grey", "int8", low=-200.0, high=100.0)
    with pytest.raises(UsageError, match="a kind of int16 holds measured values"):
        Kind("lightness", "int16", low=0, high=100)
    with pytest.raises(UsageError, match='beyond is "clip" or "refuse"'):
        Kind(beyond="wrap")  # type: ignore[arg-type]


def test_measured_values_become_shares_of_the_stated_range() -> None:
    stored = np.array([[[-1024]], [[988]], [[3000]], [[-2000]]], np.int16)
    assert CT.to_tensor(stored)[0, :, 0].tolist() == pytest.approx([-1, 0, 1, -1], abs=1e-6)
    np.testing.assert_array_equal(CT.to_stored(CT.to_tensor(stored[:3])), stored[:3])


def test_signed_values_are_never_scaled() -> None:
    array = np.array([[-5, 300]], np.int16)
    for kind in (Kind("grey", "int32", low=-9, high=999), Kind("grey", "float32", low=-9, high=999)):
        assert from_array(array, kind).tolist() == [[[-5], [300]]]
    assert from_array(np.array([[7, 200]], np.uint8), CT).tolist() == [[[7], [200]]]
    with pytest.raises(
        DiptychError, match=r'holds int16 values from -5 to 300, and uint8 is wanted; .* depth = "int16"'
    ):
        from_array(array, Kind("grey"))
    with pytest.raises(DiptychError, match="holds int16 values from -5 to 300, and int8 is wanted"):
        from_array(array, Kind("grey", "int8", low=-100, high=100))
    with pytest.raises(DiptychError, match="holds int32 values from 0 to 16777217, and float32 is wanted"):
        from_array(np.array([[0, 2**24 + 1]], np.int32), Kind("grey", "float32", high=1e8))
    with pytest.raises(DiptychError, match="holds float values, and int16 is wanted"):
        from_array(np.array([[0.5]], np.float32), CT)


def test_values_beyond_the_range_are_refused_where_the_kind_says_so() -> None:
    strict = Kind("grey", "int16", low=-1024, high=3000, beyond="refuse")
    inside = np.array([[-1024, 3000]], np.int16)
    np.testing.assert_array_equal(from_array(inside, strict)[..., 0], inside)
    with pytest.raises(DiptychError, match="holds values from -2000 to 5, and the kind states -1024 to 3000"):
        from_array(np.array([[-2000, 5]], np.int16), strict)


def test_wide_values_keep_their_digits_when_resized() -> None:
    big = np.full((4, 4, 1), 2**30 + 1, np.int32)
    big[:, 2:] += 10
    small = resize(big, 2, 2, "area")
    assert small[..., 0].tolist() == [[2**30 + 1, 2**30 + 11]] * 2
    flat = resize(np.full((4, 4, 1), 1e9 + 0.125), 3, 3)
    assert flat.dtype == np.float64
    np.testing.assert_array_equal(flat, 1e9 + 0.125)


def test_resized_signed_values_stay_within_their_depth() -> None:
    edge = np.full((8, 8, 1), -128, np.int8)
    edge[:, 4:] = 127
    found = resize(edge, 24, 24)  # bicubic overshoots on both sides of the edge
    assert (found.min(), found.max()) == (-128, 127)


def test_a_signed_picture_is_shown_from_its_lowest_to_its_highest_value() -> None:
    assert shown(np.array([-100, 0, 300], np.int16)).tolist() == [0, 0.25, 1]
    assert shown(np.array([0, 255], np.uint8)).tolist() == [0, 1]
    assert shown(np.full(2, -7, np.int8)).tolist() == [0, 0]


def test_a_sixteen_bit_png_is_still_unsigned() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.array([[0, 65535]], np.uint16)).save(buffer, "PNG")
    assert read(buffer.getvalue(), Kind("grey", "uint16"))[..., 0].tolist() == [[0, 65535]]
