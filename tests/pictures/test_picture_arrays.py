"""Pictures as .npy and .npz: types, byte orders, and archives of something else."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from diptych.errors import DiptychError
from diptych.pictures.decoded import Header
from diptych.pictures.formats import probe, read
from diptych.pictures.kinds import Kind


def npz(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (npz(readme_txt=b"hello"), "is a zip file that holds no numpy array"),
        (npz(), "is a zip file that holds no numpy array"),
        (npz(a_npy=b"hello"), "is truncated or damaged"),
    ],
)
def test_zip_files_of_something_else(data: bytes, words: str) -> None:
    with pytest.raises(DiptychError, match=words):
        read(data, Kind(), "a.npz")


def test_of_several_arrays_the_first_is_taken() -> None:
    buffer = io.BytesIO()
    colour = np.random.default_rng(1).integers(0, 256, (23, 31, 3)).astype(np.uint8)
    np.savez(buffer, z=colour, a=colour[::-1])
    np.testing.assert_array_equal(read(buffer.getvalue(), Kind()), colour)


@pytest.mark.parametrize("code", [">u2", ">f4", "<f8", "<f2"])
def test_arrays_of_other_byte_orders_and_floats(code: str, tmp_path: Path) -> None:
    array = np.arange(12).reshape(3, 4).astype(code)
    np.save(tmp_path / "a.npy", np.asfortranarray(array))
    kind = Kind("grey", "uint16") if "u" in code else Kind("grey", "float32", high=12)
    back = read(tmp_path / "a.npy", kind)
    assert back.dtype == np.dtype(kind.depth)
    np.testing.assert_array_equal(back[..., 0], array.astype(kind.depth))
    assert probe(tmp_path / "a.npy") == Header(3, 4, 1, "float64" if code == "<f8" else kind.depth)


def test_an_array_too_large_is_refused_before_it_is_read() -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": (9000, 9000, 50)})
    with pytest.raises(DiptychError, match=r"is 9000x9000 with 50 channels, larger than"):
        read(buffer.getvalue(), Kind("channels", channels=50))
