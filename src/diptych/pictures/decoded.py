"""What the decoders share: the array that a file holds, what its header says, and what stops it from being a picture."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from diptych.pictures.metadata import NO_METADATA, Metadata

ORIENTATION = 0x0112
"""The tag of EXIF and TIFF."""
READERS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""Of Pillow's; the others are left out, since some start programs of their own (EPS) and none is promised."""

FOREIGN: dict[str, tuple[int, tuple[bytes, ...]]] = {
    "an AVIF picture": (
        4,
        (
            b"ftypavif",
            b"ftypavis",
        ),
    ),
    "a HEIC picture": (
        4,
        (
            b"ftypheic",
            b"ftypheix",
            b"ftypmif1",
            b"ftypmsf1",
            b"ftyphevc",
        ),
    ),
    "a JPEG XL picture": (
        0,
        (
            b"\xff\x0a",
            b"\0\0\0\x0cJXL ",
        ),
    ),
    "a JPEG 2000 picture": (
        0,
        (
            b"\0\0\0\x0cjP  ",
            b"\xff\x4f\xff\x51",
        ),
    ),
    "an OpenEXR picture": (0, (b"\x76\x2f\x31\x01",)),
    "a Photoshop file": (0, (b"8BPS",)),
    "a PDF": (0, (b"%PDF-",)),
    "an SVG drawing": (0, (b"<svg",)),
}
"""What people take for pictures, and is not read: where in a file it begins, and with what."""


class UnfitError(ValueError):
    """A whole file of something that is no picture: its text goes on a sentence that begins with the name."""


class Decoded(NamedTuple):
    """What a file holds: (H, W, C), uint8, uint16 or float32; with ``alpha`` its last channel is opacity."""

    pixels: npt.NDArray[Any]
    alpha: bool = False
    metadata: Metadata = NO_METADATA


@dataclass(frozen=True)
class Header:
    """What a file says of itself; height and width as they will be seen, EXIF orientation applied."""

    height: int
    width: int
    channels: int
    depth: str
    frames: int = 1

    def __post_init__(self) -> None:
        """ValueError for sizes that a damaged directory makes of anything."""
        sizes: tuple[Any, ...] = (self.height, self.width, self.channels, self.frames)
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise ValueError("its sizes are no whole numbers above 0")


def refuse_foreign(head: bytes) -> None:
    """Raises UnfitError for a format that is known by its first bytes and not read, with what to do."""
    for what, (place, beginnings) in FOREIGN.items():
        if head[place:].startswith(beginnings):
            raise UnfitError(f"is {what}, which diptych does not read; save it as PNG or TIFF, and give that")


def import_extra(package: str, purpose: str) -> Any:
    """Import one of the packages of the extra, or say how to get it."""
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
    """(H, W, C) of one of the three depths, a copy.

    Raises:
        UnfitError: for another number of axes or another type, with what was found.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    check_shape(pixels.shape)
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and that is refused later
            return pixels.astype(np.float32)
    native = pixels.dtype.newbyteorder("=")
    if native in (np.uint8, np.uint16):
        return pixels.astype(native)
    raise UnfitError(f"holds {native} values; save it as uint8, uint16 or float32")


def oriented(found: Header, orientation: int) -> Header:
    """Height and width as they are seen."""
    if orientation < 5:
        return found
    return Header(found.width, found.height, found.channels, found.depth, found.frames)


def valid_orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def apply_orientation(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Undo an EXIF orientation (EXIF 2.32, tag 0x0112) of (H, W, C)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])
