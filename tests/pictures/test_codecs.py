"""Formats recognised by their first bytes, orientations, first frames, headers, and damage of every sort."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageFile

from diptych.errors import DiptychError
from diptych.pictures import codecs
from diptych.pictures.decoded import Header, apply_orientation
from diptych.pictures.formats import probe, read
from diptych.pictures.kinds import Kind, Stored

RNG = np.random.default_rng(1)
DEEP = RNG.integers(0, 65536, (23, 31, 3)).astype(np.uint16)
COLOUR = (DEEP // 256).astype(np.uint8)


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def oriented(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def chunk(name: bytes, data: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


PICTURE = Image.fromarray(COLOUR)
WHOLE: dict[str, tuple[bytes, Kind]] = {
    "jpg": (saved(PICTURE, "JPEG"), Kind()),
    "progressive": (saved(PICTURE, "JPEG", progressive=True), Kind()),
    "cmyk": (saved(PICTURE.convert("CMYK"), "JPEG"), Kind()),
    "png": (saved(PICTURE, "PNG"), Kind()),
    "palette": (saved(PICTURE.quantize(16), "PNG", transparency=3), Kind()),
    "deep png": (bytes(imagecodecs.png_encode(DEEP)), Kind("rgb", "uint16")),
    "deep grey png": (saved(Image.fromarray(DEEP[..., 0].copy()), "PNG"), Kind("grey", "uint16")),
    "webp": (saved(PICTURE, "WEBP"), Kind()),
    "bmp": (saved(PICTURE, "BMP"), Kind()),
    "gif": (saved(PICTURE.quantize(16), "GIF"), Kind()),
    "tif": (saved(PICTURE, "TIFF"), Kind()),
    "deep tif": (codecs.encode(DEEP, ".tif"), Kind("rgb", "uint16")),
    "npy": (codecs.encode(DEEP, ".npy"), Kind("rgb", "uint16")),
    "npz": (codecs.encode(DEEP, ".npz"), Kind("rgb", "uint16")),
}


def attempt(data: bytes, kind: Kind, name: str) -> tuple[Stored | None, str]:
    try:
        return read(data, kind, name), ""
    except DiptychError as refusal:
        return None, str(refusal)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on damaged files
def test_a_cut_file_is_refused_or_still_the_same_picture(name: str) -> None:
    data, kind = WHOLE[name]
    picture = read(data, kind)
    refused = 0
    for length in [*range(1, 60), *np.random.default_rng(2).integers(60, len(data), 40).tolist(), len(data) - 1]:
        found, sentence = attempt(data[:length], kind, name)
        refused += found is None
        if found is not None:
            np.testing.assert_array_equal(found, picture)
        else:
            assert sentence.startswith(name)
    assert refused > 80


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.filterwarnings("ignore")
def test_damage_never_throws_anything_but_one_sentence(name: str) -> None:
    data, kind = WHOLE[name]
    rng = np.random.default_rng(3)
    for reach in (40, 200, len(data)):
        for _ in range(25):
            damaged = bytearray(data)
            for place in rng.integers(0, min(reach, len(data)), rng.choice([1, 2, 8])):
                damaged[place] = rng.integers(0, 256)
            found, sentence = attempt(bytes(damaged), kind, name)
            assert found is not None or sentence.startswith(name)
            assert "\n" not in sentence


@pytest.mark.parametrize("name", WHOLE)
def test_the_ending_does_not_matter(name: str, tmp_path: Path) -> None:
    data, kind = WHOLE[name]
    (tmp_path / "wrong.jpg").write_bytes(data)
    np.testing.assert_array_equal(read(tmp_path / "wrong.jpg", kind), read(data, kind))
    header = probe(tmp_path / "wrong.jpg")
    assert (header.height, header.width, header.depth) == (23, 31, kind.depth)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "deep PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_equal_pillow_s(form: str, orientation: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    if form == "deep PNG":
        data = bytes(imagecodecs.png_encode(DEEP))
        exif = chunk(b"eXIf", oriented(orientation).tobytes().removeprefix(b"Exif\0\0"))
        path.write_bytes(data[:33] + exif + data[33:])
        expected, kind = apply_orientation(DEEP, orientation), Kind("rgb", "uint16")
    else:
        path.write_bytes(saved(PICTURE, form, exif=oriented(orientation)))
        from PIL import ImageOps

        with Image.open(path) as opened:
            expected, kind = np.asarray(ImageOps.exif_transpose(opened)), Kind()
    np.testing.assert_array_equal(read(path, kind), expected)
    header = probe(path)
    assert (header.height, header.width) == expected.shape[:2]


def test_an_orientation_after_the_pixels_of_a_png_counts(tmp_path: Path) -> None:
    data = saved(PICTURE, "PNG")
    exif = chunk(b"eXIf", oriented(6).tobytes().removeprefix(b"Exif\0\0"))
    (tmp_path / "late.png").write_bytes(data[:-12] + exif + data[-12:])
    np.testing.assert_array_equal(read(tmp_path / "late.png", Kind()), np.rot90(COLOUR, -1))
    assert (probe(tmp_path / "late.png").height, probe(tmp_path / "late.png").width) == (31, 23)


@pytest.mark.parametrize("exif", [b"Exif\0\0rubbish", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"", oriented(77).tobytes()])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_block_does_not_spoil_the_picture(exif: bytes) -> None:
    assert read(saved(PICTURE, "PNG", exif=exif or None), Kind()).tolist() == COLOUR.tolist()
    assert read(saved(PICTURE, "JPEG", exif=exif), Kind()).shape == COLOUR.shape


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_of_several_pictures_the_first_is_taken(form: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 8), (level, 0, 0)) for level in (10, 200)]
    options = {"lossless": True} if form == "WEBP" else {}
    (tmp_path / "a").write_bytes(saved(frames[0], form, save_all=True, append_images=frames[1:], **options))
    assert np.abs(read(tmp_path / "a", Kind())[4, 4].astype(int) - (10, 0, 0)).max() <= 1
    assert probe(tmp_path / "a") == Header(8, 16, 3, "uint8", 2)


def test_no_other_reader_of_pillow_s_is_started() -> None:
    buffer = io.BytesIO()
    PICTURE.save(buffer, "EPS")  # whose reader would start Ghostscript
    with pytest.raises(DiptychError, match="is no picture that can be read"):
        read(buffer.getvalue(), Kind())


def test_a_header_is_enough_to_probe(tmp_path: Path) -> None:
    for name in ("png", "deep png", "jpg", "bmp", "npy"):
        data, kind = WHOLE[name]
        (tmp_path / name).write_bytes(data[: 700 if name == "jpg" else 200])
        assert probe(tmp_path / name) == Header(23, 31, 3, kind.depth), name


def test_probing_decodes_no_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    for name in ("png", "deep png", "jpg", "bmp", "webp", "gif", "tif", "deep tif"):
        (tmp_path / name).write_bytes(WHOLE[name][0])
        assert probe(tmp_path / name).width == 31


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "HSV", "LAB", "RGB", "RGBA", "RGBa", "La", "CMYK", "YCbCr", "I;16", "I", "F"]
)
def test_every_mode_of_pillow_s(mode: str) -> None:
    decoded = codecs.from_pillow(Image.new(mode, (5, 4)))
    assert decoded.pixels.shape[:2] == (4, 5)
    assert decoded.alpha == (mode in ("LA", "La", "PA", "RGBA", "RGBa"))
    assert decoded.pixels.shape[2] - decoded.alpha in (1, 3)
    assert decoded.pixels.dtype == {"I;16": np.uint16, "I": np.uint16, "F": np.float32}.get(mode, np.uint8)


def test_real_pictures_equal_pillow_s(shared_data: Path) -> None:
    paths = [
        *sorted((shared_data / "facades/val").glob("*.jpg"))[::20],
        *sorted((shared_data / "kodak").glob("*.png"))[::8],
    ]
    paths += sorted((shared_data / "facades_labels/val_label").glob("*.png"))[::30]
    assert len(paths) > 8
    for path in paths:
        with Image.open(path) as picture:
            np.testing.assert_array_equal(read(path, Kind()), np.asarray(picture.convert("RGB")))
            assert (probe(path).width, probe(path).height) == picture.size


def test_a_real_sixteen_bit_map_keeps_its_numbers(shared_data: Path) -> None:
    path = min((shared_data / "facades_labels/val_inst").glob("*.png"))
    assert probe(path).depth == "uint16"
    with Image.open(path) as picture:
        np.testing.assert_array_equal(read(path, Kind("grey", "uint16"))[..., 0], np.asarray(picture))


def test_a_deep_png_keeps_its_pixels_whatever_stands_beside_them() -> None:
    """Text, a damaged profile, and a colour that is seen through, which only imagecodecs' own decoding knows."""
    whole = bytes(imagecodecs.png_encode(DEEP))
    odd = whole[:33] + chunk(b"iCCP", b"x\0\0no zlib") + chunk(b"tEXt", b"a\0b") + chunk(b"tRNS", bytes(6)) + whole[33:]
    np.testing.assert_array_equal(codecs.decode(odd).pixels[..., :3], imagecodecs.png_decode(whole))
    clear = whole[:33] + chunk(b"tRNS", bytes(6)) + whole[33:]
    np.testing.assert_array_equal(codecs.decode(clear).pixels, imagecodecs.png_decode(clear))


@pytest.mark.parametrize(("head", "form"), [(b"\0\0\0\x1cftypavif", "AVIF"), (b"\0\0\0\x18ftypheic", "HEIC")])
def test_a_format_that_is_not_read_is_named(head: bytes, form: str) -> None:
    with pytest.raises(DiptychError, match=f"is an? {form} picture, which diptych does not read; save it as PNG"):
        read(head + bytes(99), Kind())
