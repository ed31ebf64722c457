"""Files, arrays and formats that are refused, each with one sentence."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from damaged import huge_png
from PIL import Image, features

from diptych.errors import DiptychError
from diptych.pictures import formats
from diptych.pictures.formats import probe, read, write
from diptych.pictures.kinds import Kind

RNG = np.random.default_rng(0)
SIXTEEN = RNG.integers(0, 65536, (7, 5, 3)).astype(np.uint16)
EIGHT = RNG.integers(0, 256, (7, 5, 3)).astype(np.uint8)


def jpeg(size: tuple[int, int] = (64, 64)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (*size, 3)).astype(np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.png", b"", "is empty"),
        ("text.jpg", b"dear diary, today", "is no picture that can be read"),
        ("cut.jpg", jpeg()[:900], "is truncated or damaged"),
        ("cut.png", huge_png(4, 4)[:40], "is truncated or damaged|is no picture"),
        ("huge.png", huge_png(20000, 20000), "larger than"),
        ("hollow.png", huge_png(4, 4), "is truncated or damaged"),
        ("cut.npy", b"\x93NUMPY\x01\x00v\x00{'descr'", "is truncated or damaged|has|cannot"),
        ("cut.npz", b"PK\x03\x04rubbish", "is truncated or damaged"),
        ("cut.tif", b"II*\x00\x08\x00\x00\x00\xff\xff", "is truncated or damaged|is no picture"),
        ("page.png", b"<!doctype html><html>404</html>", "is no picture that can be read"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own words on a damaged TIFF
def test_bad_files_get_one_sentence(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DiptychError, match=words) as refusal:
        read(tmp_path / name, Kind())
    assert name in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "0x" not in str(refusal.value)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2, 3), np.int64), "holds int64 values"),
        (np.zeros((2, 2), bool), "holds bool values"),
        (np.zeros((2, 2, 2, 2), np.uint8), "is an array of 4 axes"),
        (np.zeros((0, 4, 3), np.uint8), "has no pixels"),
        (np.full((2, 2, 3), np.nan, np.float32), "not finite"),
        (np.zeros((2, 2, 5), np.uint8), "has 5 channels, and the kind says rgb"),
    ],
)
def test_bad_arrays_get_one_sentence(array: np.ndarray, words: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DiptychError, match=words):
        read(tmp_path / "a.npy", Kind("rgb", "float32") if array.dtype == np.float32 else Kind())


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DiptychError, match=r"a\.npy"):
        read(tmp_path / "a.npy", Kind())


def test_wrong_channels_name_found_and_wanted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4, 6), np.uint8), photometric="minisblack", planarconfig="contig")
    with pytest.raises(DiptychError, match="has 6 channels, and the kind says 5"):
        read(tmp_path / "a.tif", Kind("channels", channels=5))


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"gone\.png is not there"):
        read(tmp_path / "gone.png", Kind())
    with pytest.raises(DiptychError, match="cannot be read"):
        read(tmp_path, Kind())


@pytest.mark.parametrize(
    ("name", "picture", "words"),
    [
        ("a.jpg", SIXTEEN, "cannot hold 3 channels of uint16; write .tif or .npy"),
        ("a.png", np.zeros((2, 2, 5), np.uint8), "cannot hold 5 channels"),
        ("a.xyz", EIGHT, "has no ending that is known"),
        ("a", EIGHT, "has no ending that is known"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(name: str, picture: np.ndarray, words: str, tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=words):
        write(tmp_path / name, picture)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\0\0\0 ftypheic\0\0\0\0", "a HEIC picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"%PDF-1.7\n", "a PDF"),
    ],
)
def test_other_formats_are_named_with_a_remedy(data: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(data)
    sentence = rf"a\.png is {what}, which diptych does not read; save it as PNG or TIFF, and give that\."
    for reader in (lambda path: read(path, Kind()), probe):
        with pytest.raises(DiptychError, match=sentence):
            reader(tmp_path / "a.png")


def test_a_real_avif_file_is_named(tmp_path: Path) -> None:
    if not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    Image.fromarray(EIGHT).save(tmp_path / "a.avif")
    with pytest.raises(DiptychError, match="is an AVIF picture, which diptych does not read"):
        read(tmp_path / "a.avif", Kind())


@pytest.mark.parametrize("value", ["", "many", "-5", "0", "1e9"])
def test_a_limit_that_is_no_number(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_MAX_PIXELS", value)
    with pytest.raises(DiptychError, match="set it to a number of pixels"):
        formats.pixel_limit()
