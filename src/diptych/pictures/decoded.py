"""What the decoders share: the decoded array, the header, orientation, and the refusal of files that are no pictures."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from diptych.pictures.depths import LIMITS
from diptych.pictures.metadata import NO_METADATA, Metadata

ORIENTATION = 0x0112
"""The tag of EXIF and TIFF."""
READERS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""Pillow's readers that are used. Others are left out: some start programs of their own (EPS)."""

FOREIGN: dict[str, tuple[int, tuple[bytes, ...]]] = {
    "an AVIF picture": (4, (b"ftypavif", b"ftypavis")),
    "a HEIC picture": (4, (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftyphevc")),
    "a JPEG XL picture": (0, (b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    "a JPEG 2000 picture": (0, (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    "an OpenEXR picture": (0, (b"\x76\x2f\x31\x01",)),
    "a Photoshop file": (0, (b"8BPS",)),
    "a PDF": (0, (b"%PDF-",)),
    "an SVG drawing": (0, (b"<svg",)),
}
"""Formats that are not read but named in the error: where in a file their signature stands, and the signature."""


class UnfitError(ValueError):
    """The file is intact but is no picture that can be read. The text continues a sentence that begins with the name."""


class Decoded(NamedTuple):
    """What a file holds: (H, W, C), of a depth in ``depths``; with ``alpha`` its last channel is opacity."""

    pixels: npt.NDArray[Any]
    alpha: bool = False
    metadata: Metadata = NO_METADATA

    @property
    def colours(self) -> npt.NDArray[Any]:
        """The pixels without opacity."""
        return self.pixels[..., :-1] if self.alpha else self.pixels


@dataclass(frozen=True)
class Header:
    """What a file's header says; height and width are those after the EXIF orientation was applied."""

    height: int
    width: int
    channels: int
    depth: str
    frames: int = 1

    def __post_init__(self) -> None:
        """ValueError for sizes that are no whole numbers above 0, as damaged files have them."""
        sizes: tuple[Any, ...] = (self.height, self.width, self.channels, self.frames)
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise ValueError("its sizes are no whole numbers above 0")


def import_extra(package: str, purpose: str) -> Any:
    """Import a package of the extra diptych[tiff]; UnfitError says how to install it."""
    try:
        return __import__(package)
    except ImportError:
        raise UnfitError(f"is {purpose}, which needs {package}: pip install 'diptych[tiff]'") from None


def check_shape(shape: tuple[int, ...]) -> None:
    """Raises: UnfitError for an array that is no picture."""
    if len(shape) not in (2, 3):
        axes = f"{len(shape)} {'axis' if len(shape) == 1 else 'axes'}"
        raise UnfitError(
            f"is an array of {axes}, and a picture has two, height and width, or three, with channels last"
        )
    if 0 in shape:
        raise UnfitError("has no pixels")


def channels_last(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(H, W, C) of one of the depths, a copy; other floats as the nearest of them.

    Raises:
        UnfitError: for another number of axes or another type, with what was found.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    check_shape(pixels.shape)
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float64 cannot hold becomes infinite, and that is refused later
            return pixels.astype(float_depth(pixels.dtype))
    return pixels.astype(integer_depth(pixels.dtype))


def float_depth(dtype: np.dtype[Any]) -> str:
    """float32 for floats of at most 32 bits, else float64."""
    return "float32" if dtype.itemsize <= 4 else "float64"


def integer_depth(dtype: np.dtype[Any]) -> str:
    """The depth of integers, in the machine's own order of bytes; UnfitError for others than ours."""
    native = dtype.newbyteorder("=").name
    if native not in LIMITS:
        raise UnfitError(f"holds {native} values; save it as {', '.join(LIMITS)}, float32 or float64")
    return native


def oriented(header: Header, orientation: int) -> Header:
    """Height and width after the EXIF orientation."""
    return header if orientation < 5 else replace(header, height=header.width, width=header.height)


def valid_orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def apply_orientation(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Undo an EXIF orientation (EXIF 2.32, tag 0x0112) of (H, W, C)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])
