"""TIFF beyond Pillow: depths, compressions, planes, inks, opacity, orientation."""

import builtins
import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from diptych.errors import DiptychError
from diptych.pictures import codecs
from diptych.pictures.decoded import apply_orientation
from diptych.pictures.formats import probe, read, write
from diptych.pictures.kinds import Kind

RNG = np.random.default_rng(2)
GREY = RNG.integers(0, 65536, (18, 25)).astype(np.uint16)
COLOUR = RNG.integers(0, 65536, (18, 25, 3)).astype(np.uint16)
FOUR = RNG.integers(0, 65536, (18, 25, 4)).astype(np.uint16)
DEEP = Kind("rgb", "uint16")


def tiff(pixels: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("compression", ["none", "lzw", "zlib", "zstd", "packbits"])
@pytest.mark.parametrize("layout", [{}, {"bigtiff": True}, {"byteorder": ">"}, {"tile": (16, 16)}], ids=str)
def test_compressions_and_layouts(compression: str, layout: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(COLOUR, photometric="rgb", compression=compression, **layout))
    np.testing.assert_array_equal(read(tmp_path / "a.tif", DEEP), COLOUR)
    assert probe(tmp_path / "a.tif").depth == "uint16"


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_separate_planes(depth: str) -> None:
    planes = np.moveaxis(COLOUR, 2, 0).astype(depth)
    data = tiff(planes, photometric="rgb", planarconfig="separate")
    kind = Kind() if depth == "uint8" else DEEP
    np.testing.assert_array_equal(read(data, kind), np.moveaxis(planes, 0, 2))


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_where_least_is_white(depth: str) -> None:
    kind = Kind("grey") if depth == "uint8" else Kind("grey", "uint16")
    pixels = GREY.astype(depth)
    back = read(tiff(pixels, photometric="miniswhite"), kind)
    np.testing.assert_array_equal(back[..., 0], np.iinfo(depth).max - pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("pixels", [COLOUR, GREY, (COLOUR // 256).astype(np.uint8)], ids=["deep", "grey", "plain"])
def test_orientations(pixels: Any, orientation: int, tmp_path: Path) -> None:
    photometric = "rgb" if pixels.ndim == 3 else "minisblack"
    tags = [(274, "H", 1, orientation, True)]
    (tmp_path / "a.tif").write_bytes(tiff(pixels, photometric=photometric, extratags=tags))
    kind = Kind("rgb" if pixels.ndim == 3 else "grey", "uint8" if pixels.dtype == np.uint8 else "uint16")
    expected = apply_orientation(pixels if pixels.ndim == 3 else pixels[..., None], orientation)
    np.testing.assert_array_equal(read(tmp_path / "a.tif", kind), expected)
    header = probe(tmp_path / "a.tif")
    assert (header.height, header.width) == expected.shape[:2]


def test_opacity_of_either_sort_gives_the_same_picture() -> None:
    kind = Kind("rgb", "uint16", background=(0, 128, 255))
    straight = read(tiff(FOUR, photometric="rgb", extrasamples=["unassalpha"]), kind)
    multiplied = FOUR.copy()
    multiplied[..., :3] = np.rint(FOUR[..., :3] * (FOUR[..., 3:] / 65535))
    premultiplied = read(tiff(multiplied, photometric="rgb", extrasamples=["assocalpha"]), kind)
    assert np.abs(straight.astype(int) - premultiplied).max() <= 1
    opacity = FOUR[..., 3:] / 65535
    expected = FOUR[..., :3] * opacity + np.array([0, 128 * 257, 65535]) * (1 - opacity)
    assert np.abs(straight - expected).max() <= 1


@pytest.mark.parametrize("extra", ["unspecified", "unassalpha"])
@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_a_kind_of_four_channels_gets_all_four(extra: str, depth: Any) -> None:
    pixels = FOUR.astype(depth)
    data = tiff(pixels, photometric="rgb", extrasamples=[extra])
    np.testing.assert_array_equal(read(data, Kind("channels", depth, channels=4)), pixels)


def test_a_fourth_channel_of_no_stated_meaning_is_no_colour() -> None:
    data = tiff(FOUR.astype(np.uint8), photometric="rgb", extrasamples=["unspecified"])
    with pytest.raises(DiptychError, match="has 4 channels, and the kind says rgb"):
        read(data, Kind())


def test_sixteen_bit_inks_become_colours() -> None:
    inks = np.zeros((1, 3, 4), np.uint16)
    inks[0, 1] = (0, 65535, 65535, 0)
    inks[0, 2] = (0, 0, 0, 65535)
    back = read(tiff(inks, photometric="separated"), DEEP)
    assert back[0].tolist() == [[65535] * 3, [65535, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("kind", ["int64", "uint32", "complex64"])
def test_numbers_that_are_no_picture_s(kind: str) -> None:
    with pytest.raises(
        DiptychError, match=f"holds {kind} values; save it as uint8, uint16, int8, int16, int32, float32 or float64"
    ):
        read(tiff(np.zeros((4, 4), kind), photometric="minisblack"), Kind("grey", "uint16"))


@pytest.mark.parametrize("depth", ["float16", "float32", "float64"])
def test_floats(depth: str) -> None:
    pixels = (GREY / 65536).astype(depth)
    back = read(tiff(pixels, photometric="minisblack"), Kind("grey", "float32"))
    np.testing.assert_array_equal(back[..., 0], pixels.astype(np.float32))


def test_colours_that_are_none_of_ours() -> None:
    with pytest.raises(DiptychError, match="holds CIELAB colours; save it as RGB"):
        read(tiff(COLOUR, photometric="cielab"), DEEP)


def test_several_pages() -> None:
    back = read(tiff(np.stack([COLOUR, COLOUR[::-1]]), photometric="rgb"), DEEP)
    np.testing.assert_array_equal(back, COLOUR)


def test_a_header_that_promises_more_rows_than_there_are_is_refused() -> None:
    data = bytearray(tiff(COLOUR, photometric="rgb", rowsperstrip=1))
    rows = data.index(b"\x01\x01\x04\x00\x01\x00\x00\x00\x12")  # tag 257, ImageLength, 18
    data[rows + 9] = 4  # 18 + 1024
    with pytest.raises(DiptychError, match="is truncated or damaged"):
        read(bytes(data), DEEP)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_what_is_written_is_read(channels: int, depth: Any, tmp_path: Path) -> None:
    picture = (RNG.random((6, 8, channels)) * (1 if depth == "float32" else 250)).astype(depth)
    write(tmp_path / "a.tif", picture)
    np.testing.assert_array_equal(read(tmp_path / "a.tif", Kind("channels", depth, channels=channels)), picture)


@pytest.mark.parametrize("missing", ["tifffile", "imagecodecs"])
def test_without_the_extra(missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deep = {"a.tif": tiff(COLOUR, photometric="rgb"), "a.png": bytes(imagecodecs.png_encode(COLOUR))}
    plain = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == missing:
            raise ImportError(name)
        return plain(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    place = "a.tif" if missing == "tifffile" else "a.png"
    with pytest.raises(DiptychError, match=rf"^{place} is a .*needs {missing}: pip install 'diptych\[tiff\]'"):
        read(deep[place], DEEP, place)
    with pytest.raises(DiptychError, match=rf"needs {missing}: pip install 'diptych\[tiff\]'"):
        write(tmp_path / place, COLOUR)
    assert not list(tmp_path.iterdir())
    for picture in (GREY[..., None], GREY[..., None].astype(np.float32) / 65535):  # these Pillow does by itself
        kind = Kind("grey", "uint16" if picture.dtype == np.uint16 else "float32")
        write(tmp_path / "grey.tif", picture)
        np.testing.assert_array_equal(read(tmp_path / "grey.tif", kind), picture)


def test_the_words_of_tifffile_without_imagecodecs_are_ours() -> None:
    from diptych.pictures.formats import readable_errors

    with pytest.raises(DiptychError, match=r"^a\.tif needs imagecodecs: pip install"), readable_errors("a.tif"):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")


def test_palettes_and_one_bit_are_pillow_s(tmp_path: Path) -> None:
    plain = (COLOUR // 256).astype(np.uint8)
    Image.fromarray(plain).quantize(8).save(tmp_path / "palette.tif")
    assert read(tmp_path / "palette.tif", Kind()).shape == plain.shape
    Image.fromarray(GREY > 30000).save(tmp_path / "fax.tif", compression="group4")
    np.testing.assert_array_equal(read(tmp_path / "fax.tif", Kind("grey"))[..., 0], (GREY > 30000) * np.uint8(255))
    assert codecs.can_hold(".tif", 1, "uint8")
