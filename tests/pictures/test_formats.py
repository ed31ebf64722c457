"""Pictures through every format: depths, channels, palettes, opacity, orders of files, and how they are written."""

import io
from pathlib import Path
from typing import Any, BinaryIO, cast

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from diptych.errors import DiptychError
from diptych.pictures import formats
from diptych.pictures.decoded import Header
from diptych.pictures.formats import probe, read, write
from diptych.pictures.kinds import Kind

RNG = np.random.default_rng(0)
SIXTEEN = RNG.integers(0, 65536, (7, 5, 3)).astype(np.uint16)
EIGHT = RNG.integers(0, 256, (7, 5, 3)).astype(np.uint8)


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".tiff", ".npy", ".npz"])
@pytest.mark.parametrize("kind", [Kind(), Kind("grey")], ids=["rgb", "grey"])
def test_eight_bit_round_trips(ending: str, kind: Kind, tmp_path: Path) -> None:
    for picture in (EIGHT[..., : kind.stored_channels].copy(), EIGHT[:1, :1, : kind.stored_channels].copy()):
        write(tmp_path / f"a{ending}", picture)
        np.testing.assert_array_equal(read(tmp_path / f"a{ending}", kind), picture)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{ending}"]  # nothing left beside it


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".webp"])
def test_lossy_round_trips(ending: str, tmp_path: Path) -> None:
    smooth = np.full((16, 24, 3), 120, np.uint8)
    smooth[:, 12:] = (200, 60, 90)
    write(tmp_path / f"a{ending}", smooth)
    back = read(tmp_path / f"a{ending}", Kind())
    assert np.abs(back.astype(int) - smooth).mean() < 4


@pytest.mark.parametrize("ending", [".png", ".tif", ".npy", ".npz"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_stay_sixteen(ending: str, channels: int, tmp_path: Path) -> None:
    kind = Kind("grey" if channels == 1 else "rgb", "uint16")
    picture = SIXTEEN[..., :channels].copy()
    write(tmp_path / f"a{ending}", picture)
    np.testing.assert_array_equal(read(tmp_path / f"a{ending}", kind), picture)
    assert probe(tmp_path / f"a{ending}") == Header(7, 5, channels, "uint16")


@pytest.mark.parametrize("ending", [".tif", ".npy", ".npz"])
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_five_channels_of_every_depth(ending: str, depth: Any, tmp_path: Path) -> None:
    picture = (RNG.random((6, 8, 5)) * (1 if depth == "float32" else 250)).astype(depth)
    write(tmp_path / f"a{ending}", picture)
    np.testing.assert_array_equal(read(tmp_path / f"a{ending}", Kind("channels", depth, channels=5)), picture)
    header = probe(tmp_path / f"a{ending}")
    assert (header.height, header.width, header.channels, header.depth) == (6, 8, 5, depth)


def test_a_sixteen_bit_png_for_an_eight_bit_kind_is_scaled_by_its_full_range(tmp_path: Path) -> None:
    write(tmp_path / "a.png", SIXTEEN)
    np.testing.assert_array_equal(read(tmp_path / "a.png", Kind()), np.rint(SIXTEEN / 257).astype(np.uint8))
    dark = np.full((2, 2, 3), 255, np.uint16)  # dark at 16 bits, however bright it would be at 8
    write(tmp_path / "dark.png", dark)
    assert read(tmp_path / "dark.png", Kind()).max() == 1


def test_integers_become_floats_by_the_stated_range(tmp_path: Path) -> None:
    write(tmp_path / "a.png", np.array([[[0], [255]]], np.uint8))
    kind = Kind("grey", "float32", low=-10, high=10)
    assert read(tmp_path / "a.png", kind).flatten().tolist() == [-10, 10]


def test_alpha_lies_on_the_stated_background(tmp_path: Path) -> None:
    half = np.zeros((1, 2, 4), np.uint8)
    half[0, 0] = (200, 100, 0, 128)
    Image.fromarray(half).save(tmp_path / "a.png")
    kind = Kind(background=(0, 0, 255))
    assert read(tmp_path / "a.png", kind)[0].tolist() == [[100, 50, 127], [0, 0, 255]]
    assert read(tmp_path / "a.png", Kind())[0, 1].tolist() == [255, 255, 255]
    deep = np.zeros((1, 1, 4), np.uint16)
    deep[0, 0] = (65535, 0, 0, 0)
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(deep))
    assert read(tmp_path / "b.png", Kind("rgb", "uint16", background=(255, 0, 128)))[0, 0].tolist() == [65535, 0, 32896]


def test_palettes_with_and_without_transparency(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 150, 100])
    picture.putdata([0, 1])
    picture.save(tmp_path / "plain.png")
    picture.save(tmp_path / "clear.png", transparency=0)
    assert read(tmp_path / "plain.png", Kind())[0].tolist() == [[10, 20, 30], [200, 150, 100]]
    assert read(tmp_path / "clear.png", Kind())[0].tolist() == [[255, 255, 255], [200, 150, 100]]


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    red, green, blue = read(tmp_path / "a.jpg", Kind())[4, 4].tolist()
    assert red > 230
    assert green < 30
    assert blue < 30


def test_grey_for_rgb_and_rgb_for_grey(tmp_path: Path) -> None:
    write(tmp_path / "grey.png", np.array([[[7], [200]]], np.uint8))
    assert read(tmp_path / "grey.png", Kind())[0].tolist() == [[7, 7, 7], [200, 200, 200]]
    write(tmp_path / "rgb.png", np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8))
    assert read(tmp_path / "rgb.png", Kind("grey")).flatten().tolist() == [76, 150]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, tmp_path: Path) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = 255  # a bright top left corner
    turned = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "a.png", Kind()), upright)
    assert (probe(tmp_path / "a.png").height, probe(tmp_path / "a.png").width) == (16, 32)


def test_natural_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("10.png", "9.png", "a2.jpg", "a10.jpg", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in formats.list_pictures(tmp_path)] == ["9.png", "10.png", "a2.jpg", "a10.jpg"]


def test_the_order_is_the_same_whatever_the_folder_says(tmp_path: Path) -> None:
    names = [
        "01.png",
        "1.png",
        "2\N{SUPERSCRIPT TWO}.png",
        "\N{SUPERSCRIPT TWO}.png",
        "\N{ARABIC-INDIC DIGIT THREE}.png",
    ]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    found = [path.name for path in formats.list_pictures(tmp_path)]
    assert found[:2] == ["01.png", "1.png"]
    assert sorted(found) == sorted(names)
    with pytest.raises(DiptychError, match="gone cannot be listed"):
        formats.list_pictures(tmp_path / "gone")


@pytest.mark.parametrize("ending", ["jpg", "webp"])
def test_a_side_too_long_for_the_format(ending: str, tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=rf"a\.{ending} cannot hold 70000x1 .*write \.png or \.tif instead"):
        write(tmp_path / f"a.{ending}", np.zeros((1, 70000, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_streams_need_not_seek() -> None:
    class Pipe(io.RawIOBase):
        held = b""

        def write(self, data: Any) -> int:
            self.held += bytes(data)
            return len(data)

    for ending in ("png", ".TIF", "npy"):
        pipe = Pipe()
        write(cast(BinaryIO, pipe), EIGHT, ending)
        np.testing.assert_array_equal(read(pipe.held, Kind()), EIGHT)


def test_what_stands_there_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.png", EIGHT)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiptychError, match=r"a\.png cannot be written: No space left"):
        write(tmp_path / "a.png", EIGHT[::-1].copy())
    np.testing.assert_array_equal(read(tmp_path / "a.png", Kind()), EIGHT)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_resized_pictures_equal_pillow_s_within_a_level() -> None:
    from diptych.pictures.resizing import resize

    picture = RNG.integers(0, 256, (50, 60, 3)).astype(np.uint8)
    expected = np.asarray(Image.fromarray(picture).resize((33, 21), Image.Resampling.BICUBIC))
    assert np.abs(resize(picture, 21, 33).astype(int) - expected).max() <= 1
    deep = resize(picture.astype(np.uint16) * 257, 21, 33)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - expected).mean() < 0.5  # Pillow clips its 8-bit intermediate, so overshoots differ
