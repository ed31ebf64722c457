"""What goes along from file to file: colour profiles and georeferences, through Pillow and tifffile."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from diptych.pictures import metadata
from diptych.pictures.formats import read, read_with_metadata, write
from diptych.pictures.kinds import Kind
from diptych.pictures.metadata import (
    GDAL_METADATA,
    GDAL_NODATA,
    GEO_DOUBLES,
    GEO_KEYS,
    GEO_WORDS,
    PIXEL_SCALE,
    TIEPOINTS,
    Metadata,
)

RNG = np.random.default_rng(3)
RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_PROFILE = RGB_PROFILE[:16] + b"GRAY" + RGB_PROFILE[20:]
PLACE: dict[int, Any] = {
    PIXEL_SCALE: (30.0, 20.0, 0.0),
    TIEPOINTS: (0.0, 0.0, 0.0, 500000.0, 4100000.0, 0.0),
    GEO_KEYS: (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633),
    GEO_DOUBLES: (6378137.0, 298.257223563),
    GEO_WORDS: "WGS 84 / UTM zone 33N|",
    GDAL_METADATA: "<GDALMetadata></GDALMetadata>",
}
POINT = {**PLACE, GEO_KEYS: (1, 1, 0, 1, 1025, 0, 1, 2)}


def pixels(channels: int, depth: str) -> Any:
    top = 256 if depth == "uint8" else 65536
    return RNG.integers(0, top, (12, 10, channels)).astype(depth)


def without_zeros(place: Any) -> dict[int, Any]:
    return {code: value.rstrip("\0") if isinstance(value, str) else value for code, value in place.items()}


KINDS = [Kind(), Kind("grey"), Kind("rgb", "uint16"), Kind("grey", "uint16"), Kind("channels", "uint16", channels=5)]


def test_damaged_numbers_of_a_place_are_left_out() -> None:
    """What a tag's type cannot hold would end the writing of the result."""
    for keys in ((1.5, 1), (70000, 1), (-1, 1), ("a", 1)):
        place = metadata.cleaned({GEO_KEYS: keys, PIXEL_SCALE: (30, 20.5, 0.0)})
        assert place == {PIXEL_SCALE: (30, 20.5, 0.0)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.colour} {kind.depth}")
def test_tiffs_keep_place_profile_channels_and_depth(kind: Kind, tmp_path: Path) -> None:
    """Through Pillow or tifffile, whichever the depth takes; read back by both of ours and by tifffile itself."""
    profile = {1: GREY_PROFILE, 3: RGB_PROFILE}.get(kind.stored_channels, b"")
    picture = pixels(kind.stored_channels, kind.depth)
    write(tmp_path / "a.tif", picture, metadata=Metadata(profile, PLACE, nodata=-9999.0))
    back, found = read_with_metadata(tmp_path / "a.tif", kind)
    assert found.nodata == -9999
    np.testing.assert_array_equal(back, picture)
    assert found.profile == profile
    assert without_zeros(found.place) == PLACE
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page: Any = file.pages[0]
        assert page.dtype == picture.dtype
        assert page.samplesperpixel == kind.stored_channels
        assert {code: page.tags[code].value for code in PLACE} == PLACE
        assert page.tags[GDAL_NODATA].value == "-9999"
        assert page.geotiff_tags["ProjectedCSTypeGeoKey"] == 32633


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_profiles_of_every_format(ending: str, channels: int, tmp_path: Path) -> None:
    profile = RGB_PROFILE if channels == 3 else GREY_PROFILE
    kind = Kind() if channels == 3 else Kind("grey")
    write(tmp_path / f"a{ending}", pixels(channels, "uint8"), metadata=Metadata(profile, PLACE))
    assert read_with_metadata(tmp_path / f"a{ending}", kind)[1].profile == profile
    with Image.open(tmp_path / f"a{ending}") as opened:
        assert opened.info["icc_profile"] == profile


def test_a_sixteen_bit_png_keeps_its_profile(tmp_path: Path) -> None:
    picture, kind = pixels(3, "uint16"), Kind("rgb", "uint16")
    write(tmp_path / "a.png", picture, metadata=Metadata(RGB_PROFILE))
    back, found = read_with_metadata(tmp_path / "a.png", kind)
    np.testing.assert_array_equal(back, picture)
    assert found.profile == RGB_PROFILE


def test_formats_that_hold_neither(tmp_path: Path) -> None:
    for ending in (".bmp", ".npy", ".npz"):
        write(tmp_path / f"a{ending}", pixels(3, "uint8"), metadata=Metadata(RGB_PROFILE, PLACE))
        assert read_with_metadata(tmp_path / f"a{ending}", Kind())[1] == Metadata()


def test_a_profile_of_other_colours_is_left_out() -> None:
    assert Metadata(RGB_PROFILE).for_result(3).profile == RGB_PROFILE
    assert Metadata(RGB_PROFILE).for_result(1).profile == b""
    assert Metadata(GREY_PROFILE).for_result(1).profile == GREY_PROFILE
    assert Metadata(GREY_PROFILE[:16] + b"CMYK").for_result(3).profile == b""
    assert Metadata(RGB_PROFILE).for_result(5).profile == b""


def on_earth(place: Any, column: float, row: float) -> tuple[float, float]:
    """Where a raster's coordinates lie, by the first point and the scale."""
    i, j, _, x, y, _ = place[TIEPOINTS]
    return x + (column - i) * place[PIXEL_SCALE][0], y - (row - j) * place[PIXEL_SCALE][1]


def test_a_larger_result_covers_the_same_area() -> None:
    found = Metadata(place=PLACE).for_result(3, scale=4).place
    assert found[PIXEL_SCALE] == (7.5, 5.0, 0.0)
    for column, row in ((0, 0), (10, 12)):
        assert on_earth(found, 4 * column, 4 * row) == on_earth(PLACE, column, row)
    assert found[GEO_KEYS] == PLACE[GEO_KEYS]


def test_a_larger_result_where_coordinates_are_centres() -> None:
    """The coarse pixel's centre lies between the two middle ones of its four."""
    found = Metadata(place=POINT).for_result(3, scale=4).place
    assert on_earth(found, 4 * 3 + 1.5, 4 * 2 + 1.5) == on_earth(POINT, 3, 2)


@pytest.mark.parametrize("keys", [PLACE[GEO_KEYS], POINT[GEO_KEYS]], ids=["area", "point"])
def test_a_larger_result_with_a_matrix(keys: Any) -> None:
    matrix = np.array([[30, 5, 0, 500], [4, -20, 0, 700], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=float)
    place = {metadata.TRANSFORMATION: tuple(matrix.reshape(-1).tolist()), GEO_KEYS: keys}
    value: Any = Metadata(place=place).for_result(3, scale=2).place[metadata.TRANSFORMATION]
    shift = 0.5 if keys == POINT[GEO_KEYS] else 0.0
    np.testing.assert_allclose(
        np.array(value).reshape(4, 4) @ [2 * 3 + shift, 2 * 7 + shift, 0, 1], matrix @ [3, 7, 0, 1]
    )


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_a_turned_file_loses_its_place_since_it_would_be_wrong(depth: Any, tmp_path: Path) -> None:
    extra = [(274, 3, 1, 6, True), *metadata.tifffile_options(Metadata(place=PLACE))["extratags"]]
    tifffile.imwrite(tmp_path / "a.tif", pixels(3, depth), photometric="rgb", extratags=extra)
    back, found = read_with_metadata(tmp_path / "a.tif", Kind("rgb", depth))
    assert back.shape == (10, 12, 3)
    assert found.place == {}


def test_damaged_tags_do_not_spoil_a_picture(tmp_path: Path) -> None:
    """Words where numbers belong, and a profile that is none."""
    for depth in ("uint8", "uint16"):
        extra = [(PIXEL_SCALE, 2, 5, "wide!", True), (GEO_WORDS, 12, 1, 4.0, True)]
        picture = pixels(3, depth)
        tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", extratags=extra, iccprofile=b"no profile")
        back, found = read_with_metadata(tmp_path / "a.tif", Kind("rgb", depth))
        np.testing.assert_array_equal(back, picture)
        assert found.for_result(3) == Metadata()


def test_a_jpeg_with_a_profile_and_an_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    buffer = io.BytesIO()
    Image.fromarray(pixels(3, "uint8")).save(buffer, "JPEG", icc_profile=RGB_PROFILE, exif=exif)
    back, found = read_with_metadata(buffer.getvalue(), Kind())
    assert back.shape == (10, 12, 3)
    assert found.profile == RGB_PROFILE
    write(tmp_path / "b.jpg", back, metadata=found)
    assert read(tmp_path / "b.jpg", Kind()).shape == (10, 12, 3)  # turned once
