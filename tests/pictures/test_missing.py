"""Pixels without data: from files to NaN, resized around, and back into files."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from rasterio import Affine

from diptych.errors import DiptychError, UsageError
from diptych.pictures.formats import from_array, read, read_with_metadata, write
from diptych.pictures.kinds import Kind
from diptych.pictures.resizing import resize
from diptych.pictures.values.missing import missing_in, with_nodata, without_gaps

RELIEF = Kind("grey", "int16", low=-1000, high=9000, nodata=-32768)


def relief(height: int = 12, width: int = 10) -> Any:
    rng = np.random.default_rng(5)
    return rng.integers(-1000, 9000, (height, width, 1)).astype(np.int16)


def test_a_stated_value_becomes_nan_and_the_others_stay(tmp_path: Path) -> None:
    picture = relief()
    picture[2:4, 5] = -32768
    tifffile.imwrite(tmp_path / "a.tif", picture[..., 0])
    found = read(tmp_path / "a.tif", RELIEF)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), picture == -32768)
    np.testing.assert_array_equal(found[~np.isnan(found)], picture[picture != -32768])
    tensor = RELIEF.to_tensor(found)
    np.testing.assert_array_equal(tensor[0].isnan(), picture[..., 0] == -32768)


def test_a_picture_that_lacks_nothing_keeps_its_depth(tmp_path: Path) -> None:
    write(tmp_path / "a.npy", relief())
    assert read(tmp_path / "a.npy", RELIEF).dtype == np.int16


@pytest.mark.parametrize("depth", ["int16", "float32"])
def test_a_file_s_own_value_counts_too(depth: Any, tmp_path: Path) -> None:
    """Written by rasterio, with another number than the Kind's."""
    picture = relief().astype(depth)
    picture[0, :3] = -9999
    profile = {"driver": "GTiff", "height": 12, "width": 10, "count": 1, "dtype": depth, "nodata": -9999}
    with rasterio.open(
        tmp_path / "a.tif", "w", transform=Affine(2, 0, 5e5, 0, -2, 4e6), crs="EPSG:32633", **profile
    ) as file:
        file.write(picture[..., 0], 1)
    kind = Kind("grey", depth, low=-1000, high=9000, nodata=-32768 if depth == "int16" else "nan")
    found, tags = read_with_metadata(tmp_path / "a.tif", kind)
    assert tags.nodata == -9999
    np.testing.assert_array_equal(missing_in(found), picture[..., 0] == -9999)
    plain = Kind("grey", depth, low=-1000, high=9000)
    np.testing.assert_array_equal(read(tmp_path / "a.tif", plain), picture)  # without nodata all are values


def test_nan_of_float_files() -> None:
    picture = np.full((4, 4, 1), 0.5, dtype=np.float32)
    picture[1, 2] = np.nan
    with pytest.raises(DiptychError, match='nodata = "nan"'):
        from_array(picture, Kind("grey", "float32"))
    found = from_array(picture, Kind("grey", "float32", nodata="nan"))
    np.testing.assert_array_equal(found, picture)
    with pytest.raises(DiptychError, match="not finite"):
        from_array(np.full((4, 4, 1), np.inf, dtype=np.float32), Kind("grey", "float32", nodata="nan"))


def test_rgb_lacks_data_where_all_three_do_and_channels_where_one_does() -> None:
    picture = np.full((2, 3, 3), 9, dtype=np.uint8)
    picture[0, 0] = 0
    picture[1, 1, 2] = 0
    for kind, places in ((Kind(nodata=0), [[0, 0]]), (Kind("channels", channels=3, nodata=0), [[0, 0], [1, 1]])):
        missing = missing_in(from_array(picture, kind))
        assert missing is not None
        assert np.argwhere(missing).tolist() == places


def test_a_kind_that_refuses_values_beyond_its_range_lets_nodata_pass() -> None:
    kind = Kind("grey", "int16", low=-1000, high=9000, nodata=-32768, beyond="refuse")
    picture = relief()
    picture[0, 0] = -32768
    assert np.isnan(from_array(picture, kind)[0, 0, 0])
    picture[1, 1] = -32767
    with pytest.raises(DiptychError, match="-32767"):
        from_array(picture, kind)


@pytest.mark.parametrize("how", ["bicubic", "bilinear", "area", "nearest"])
@pytest.mark.parametrize("level", [100.0, 1e6])
def test_resizing_takes_nothing_from_what_is_missing(how: Any, level: float) -> None:
    """A flat picture with a gap stays flat; the gap keeps its place."""
    picture = np.full((32, 32, 1), level, dtype=np.float32)
    picture[8:16, 8:16] = np.nan
    for side in (16, 48):
        sized = resize(picture, side, side, how)
        gap = np.zeros((side, side), dtype=bool)
        gap[side // 4 : side // 2, side // 4 : side // 2] = True
        np.testing.assert_array_equal(np.isnan(sized[..., 0]), gap)
        np.testing.assert_allclose(sized[~gap], level, rtol=1e-6)


def test_resizing_is_the_mean_of_the_known_pixels() -> None:
    """2x2 blocks by area, against numpy's mean without NaN; a block with one known pixel of four has no data."""
    picture = np.random.default_rng(0).normal(size=(8, 8, 2)).astype(np.float32)
    picture[0, 0] = picture[2, 2] = picture[2, 3] = np.nan
    picture[5, 4:6] = picture[4, 4] = np.nan
    blocks = picture.reshape(4, 2, 4, 2, 2).transpose(0, 2, 1, 3, 4).reshape(4, 4, 4, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = np.nanmean(blocks, axis=2)
    wanted[np.isnan(blocks[..., 0]).sum(axis=2) > 2] = np.nan
    np.testing.assert_allclose(resize(picture, 4, 4, "area"), wanted, atol=1e-6)


def test_a_picture_of_nothing_stays_nothing() -> None:
    nothing = np.full((6, 6, 1), -32768, dtype=np.int16)
    found = from_array(nothing, RELIEF)
    assert np.isnan(resize(found, 3, 3)).all()
    assert (without_gaps(found, RELIEF) == 4000).all()


def test_results_hold_nodata_there_and_nowhere_else() -> None:
    """A value that happens to be the number moves by one step, as GDAL does it."""
    kind = Kind("grey", "uint8", nodata=0)
    missing = np.array([[True, False, False]])
    result = np.array([[[7], [0], [5]]], dtype=np.uint8)
    assert with_nodata(result, missing, kind).tolist() == [[[0], [1], [5]]]
    high = Kind("grey", "uint8", nodata=255)
    assert with_nodata(np.array([[[255]]], dtype=np.uint8), None, high).tolist() == [[[254]]]
    rgb = with_nodata(np.array([[[0, 0, 0], [0, 3, 0]]], dtype=np.uint8), None, Kind(nodata=0))
    assert rgb.tolist() == [[[1, 1, 1], [0, 3, 0]]]
    floats = Kind("grey", "float32", nodata="nan")
    assert np.isnan(with_nodata(np.ones((1, 3, 1), dtype=np.float32), missing, floats))[0, :, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"depth": "uint8", "nodata": -1.0}, "0 to 255"),
        ({"depth": "uint8", "nodata": "nan"}, "whole numbers"),
        ({"depth": "float32", "nodata": "nothing"}, '"nan" or "none"'),
        ({"colour": "labels", "classes": 3, "nodata": 0.0}, "not of"),
    ],
)
def test_a_kind_refuses_nodata_that_its_files_cannot_hold(values: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        Kind(**values)
