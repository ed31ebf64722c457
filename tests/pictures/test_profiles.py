"""Pictures with colour profiles are read as sRGB: checked against Pillow's own conversion, and a formula."""

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tifffile
from icc import ADOBE, ADOBE_LIKE, GREY_18, GREY_SRGB, OTHER_SRGB, SRGB, ink_profile
from PIL import Image, ImageCms

from diptych.pictures.formats import from_pillow, read, read_with_metadata
from diptych.pictures.kinds import Kind
from diptych.pictures.profiles import LARGE

RNG = np.random.default_rng(7)
COLOURS = RNG.integers(0, 256, (24, 20, 3), dtype=np.uint8)
LIBRARY_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WRITTEN: dict[str, dict[str, Any]] = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}, "JPEG": {"quality": 95}}


def saved(picture: Image.Image, profile: bytes, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, icc_profile=profile, **options)
    return file.getvalue()


def converted(picture: Image.Image, profile: bytes) -> Any:
    """By Pillow, to RGB."""
    found = ImageCms.profileToProfile(
        picture,
        io.BytesIO(profile),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )
    assert found is not None
    return np.asarray(found)


@pytest.mark.parametrize("form", WRITTEN)
def test_other_colours_become_srgb(form: str) -> None:
    data = saved(Image.fromarray(COLOURS), ADOBE, form, **WRITTEN[form])
    with Image.open(io.BytesIO(data)) as picture:
        wanted = converted(picture, ADOBE)
        plain = np.asarray(picture)
    found, beside = read_with_metadata(data, Kind())
    np.testing.assert_array_equal(found, wanted)
    assert np.abs(found.astype(int) - plain).max() > 10
    assert beside.profile == b""


def test_as_the_formula_has_it() -> None:
    """Gamma to light, primaries to XYZ under D50, and from there to sRGB and its curve."""
    light = (COLOURS / 255) ** 2.19921875 @ np.array(ADOBE_LIKE) @ np.linalg.inv(np.array(SRGB))
    light = np.clip(light, 0, 1)
    wanted = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    found = read(saved(Image.fromarray(COLOURS), ADOBE), Kind())
    assert np.abs(found - wanted).max() < 1.5


@pytest.mark.parametrize("profile", [LIBRARY_SRGB, OTHER_SRGB], ids=["of the library", "of a camera"])
def test_srgb_stays_as_it_is(profile: bytes) -> None:
    found, beside = read_with_metadata(saved(Image.fromarray(COLOURS), profile), Kind())
    np.testing.assert_array_equal(found, COLOURS)
    assert beside.profile == profile


def test_grey() -> None:
    grey = COLOURS[..., 0]
    found = read(saved(Image.fromarray(grey), GREY_18), Kind("grey"))
    wanted = converted(Image.fromarray(grey), GREY_18)
    np.testing.assert_array_equal(found[..., 0], wanted[..., 1])
    assert np.abs(found.astype(int) - wanted).max() <= 1
    assert (found[..., 0] != grey).mean() > 0.5
    np.testing.assert_array_equal(read(saved(Image.fromarray(grey), GREY_SRGB), Kind("grey"))[..., 0], grey)


def test_opacity_is_none_of_the_colours() -> None:
    opacity = RNG.integers(0, 256, (24, 20, 1), dtype=np.uint8)
    data = saved(Image.fromarray(np.concatenate([COLOURS, opacity], axis=2)), ADOBE)
    holed = read(data, Kind("holed"))
    wanted = converted(Image.fromarray(COLOURS), ADOBE)
    np.testing.assert_array_equal(holed[..., 3] > 0, opacity[..., 0] >= 128)
    np.testing.assert_array_equal(holed[..., :3], np.where(opacity >= 128, wanted, 255))
    grey = saved(Image.fromarray(np.concatenate([COLOURS[..., :1], np.full_like(opacity, 255)], axis=2)), GREY_18)
    alone = saved(Image.fromarray(COLOURS[..., 0]), GREY_18)
    np.testing.assert_array_equal(read(grey, Kind("grey")), read(alone, Kind("grey")))


def test_threads_share_a_conversion() -> None:
    data = [saved(Image.fromarray(np.roll(COLOURS, number, axis=0)), ADOBE) for number in range(8)]
    wanted = [read(one, Kind()) for one in data]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: read(data[number % 8], Kind()), range(200)))
    for number, one in enumerate(found):
        np.testing.assert_array_equal(one, wanted[number % 8])


def test_a_long_profile_is_applied_as_well() -> None:
    data = saved(Image.fromarray(COLOURS), ADOBE + bytes(2 * LARGE), "TIFF")
    np.testing.assert_array_equal(read(data, Kind()), read(saved(Image.fromarray(COLOURS), ADOBE), Kind()))


def test_palettes() -> None:
    picture = Image.fromarray(COLOURS).quantize(16)
    wanted = converted(picture.convert("RGB"), ADOBE)
    np.testing.assert_array_equal(read(saved(picture, ADOBE), Kind()), wanted)


@pytest.mark.parametrize("form", ["TIFF", "JPEG"])
def test_inks(form: str) -> None:
    data = saved(Image.fromarray(COLOURS).convert("CMYK"), ink_profile(), form)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == "CMYK"
        wanted, plain = converted(picture, ink_profile()), np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(read(data, Kind()), wanted)
    assert np.abs(wanted.astype(int) - plain).mean() > 10


BROKEN = {
    "words": b"no profile at all",
    "half": ADOBE[: len(ADOBE) // 2],
    "head alone": ADOBE[:128],
    "other tags": ADOBE[:140] + bytes(len(ADOBE) - 140),
    "of other colours": GREY_18,
    "inks": ADOBE[:16] + b"CMYK" + ADOBE[20:],
    "Lab": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    "XYZ": ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes(),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_applied_counts_as_srgb(name: str) -> None:
    found = read(saved(Image.fromarray(COLOURS), BROKEN[name]), Kind())
    np.testing.assert_array_equal(found, COLOURS)
    picture = Image.fromarray(COLOURS).convert("CMYK")
    np.testing.assert_array_equal(
        read(saved(picture, BROKEN[name], "TIFF"), Kind()), np.asarray(picture.convert("RGB"))
    )


def test_numbers_and_channels_are_no_colours() -> None:
    data = saved(Image.fromarray(COLOURS), ADOBE)
    np.testing.assert_array_equal(read(data, Kind("channels", channels=3)), COLOURS)
    classes = saved(Image.fromarray(COLOURS[..., 0] % 4), GREY_18)
    np.testing.assert_array_equal(read(classes, Kind("labels", classes=4))[..., 0], COLOURS[..., 0] % 4)


def test_sixteen_bits() -> None:
    """They stay where they shall be kept; where 8 bits are wanted, those are converted."""
    deep, file = COLOURS.astype(np.uint16) * 257, io.BytesIO()
    tifffile.imwrite(file, deep, photometric="rgb", iccprofile=ADOBE)
    found, beside = read_with_metadata(file.getvalue(), Kind("rgb", "uint16"))
    np.testing.assert_array_equal(found, deep)
    assert beside.profile == ADOBE
    found, beside = read_with_metadata(file.getvalue(), Kind())
    np.testing.assert_array_equal(found, converted(Image.fromarray(COLOURS), ADOBE))
    assert beside.profile == b""
    eight = read(saved(Image.fromarray(COLOURS), ADOBE), Kind("rgb", "uint16"))
    np.testing.assert_array_equal(eight, found.astype(np.uint16) * 257)


def test_a_picture_of_pillow_s() -> None:
    with Image.open(io.BytesIO(saved(Image.fromarray(COLOURS), ADOBE))) as picture:
        np.testing.assert_array_equal(from_pillow(picture, Kind()), converted(picture, ADOBE))
    np.testing.assert_array_equal(from_pillow(Image.fromarray(COLOURS), Kind()), COLOURS)
