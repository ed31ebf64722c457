"""Every file format in and out: a path or bytes and a Kind give a picture of that Kind, or one clear sentence."""

import contextlib
import io
import os
import re
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from diptych import codecs
from diptych.codecs import Raw, holds
from diptych.errors import DiptychError
from diptych.files import written_beside
from diptych.images import RANGES, Kind, Stored

ENDINGS = frozenset([*codecs.PILLOW_ENDINGS, *codecs.ARRAY_ENDINGS])
MAX_PIXELS = int(os.environ.get("DIPTYCH_MAX_PIXELS", "89478485"))
"""Larger pictures are refused before they are decoded; Pillow warns from the same size on."""
if Image.MAX_IMAGE_PIXELS is not None and MAX_PIXELS > Image.MAX_IMAGE_PIXELS:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS

__all__ = [
    "ENDINGS",
    "Header",
    "from_array",
    "from_pillow",
    "holds",
    "list_pictures",
    "probe",
    "read",
    "to_pillow",
    "write",
]


@dataclass(frozen=True)
class Header:
    """What a file says of itself; height and width as they will be seen, EXIF orientation applied."""

    height: int
    width: int
    channels: int
    depth: str
    frames: int = 1


def read(source: Path | bytes, kind: Kind, name: str = "") -> Stored:
    """Read a picture as (H, W, kind.stored_channels) of kind.depth.

    Alpha is composited on the Kind's background, palettes and CMYK become RGB, EXIF orientation is applied, of an
    animation the first frame is taken. An integer file of another depth is scaled by the full ranges of both.

    Raises:
        DiptychError: when it cannot be read or is not of the Kind; the sentence names the file.
    """
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    data = source if isinstance(source, bytes) else file_bytes(source)
    ending = codecs.path_ending(name)
    raw = decoded(data, ending, name)
    return fitted(raw, kind, name)


def file_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DiptychError(f"{path} is not there; was it moved or removed?") from None
    except OSError as problem:
        raise DiptychError(f"{path} cannot be read: {problem.strerror}.") from None


@contextlib.contextmanager
def explained(data: bytes, name: str) -> Iterator[None]:
    """Turn whatever a decoder throws into a sentence that begins with ``name``."""
    if not data:
        raise DiptychError(f"{name} is empty (0 bytes); remove it or copy it again.")
    try:
        yield
    except DiptychError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DiptychError(
            f"{name} is larger than {MAX_PIXELS:,} pixels; make it smaller, or set DIPTYCH_MAX_PIXELS."
        ) from None
    except UnidentifiedImageError:
        raise DiptychError(
            f"{name} is no picture that can be read, whatever its ending says; remove or replace it."
        ) from None
    except codecs.UnfitError as problem:
        raise DiptychError(f"{name} {reason(problem)}.") from None
    except Exception as problem:  # decoders of damaged files throw anything
        raise DiptychError(f"{name} is truncated or damaged ({reason(problem)}); replace it.") from None


def decoded(data: bytes, ending: str, name: str) -> Raw:
    """Decode what is not too large, and refuse values that are no numbers."""
    with explained(data, name):
        header = header_of(data, ending)
        if header.height * header.width > MAX_PIXELS:
            raise DiptychError(
                f"{name} is {header.width}x{header.height}, larger than {MAX_PIXELS:,} pixels; make it smaller, "
                f"or set DIPTYCH_MAX_PIXELS."
            )
        raw = codecs.decode(data, ending)
    if raw.pixels.dtype == np.float32 and not np.isfinite(raw.pixels).all():
        raise DiptychError(f"{name} holds values that are not finite (NaN or infinity); replace them.")
    return raw


def reason(problem: Exception) -> str:
    """A decoder's words, on one line and without its object addresses."""
    words = re.sub(r"<[^>]*>", "the data", " ".join(str(problem).split())) or type(problem).__name__
    return words.rstrip(".")[:160]


def probe(path: Path) -> Header:
    """Height, width, channels, depth and frames from the header, without decoding.

    Raises:
        DiptychError: as ``read``.
    """
    data = file_bytes(path)
    with explained(data, str(path)):
        return header_of(data, codecs.path_ending(path))


def header_of(data: bytes, ending: str) -> Header:
    if ending == ".npy":
        return array_header(io.BytesIO(data))
    if ending == ".npz":
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(archive.namelist()[0]) as member:
            return array_header(member)
    if codecs.sixteen_bit_colour(data):
        width, height = struct.unpack(">II", data[16:24])
        return Header(height, width, {2: 3, 4: 2, 6: 4}.get(data[25], 3), "uint16")
    if data[:2] in (b"II", b"MM") and not codecs.pillow_reads_tiff(data):
        tifffile = codecs.wants("tifffile", "a TIFF of this depth or of these channels")
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            return Header(page.imagelength, page.imagewidth, page.samplesperpixel, str(page.dtype), len(file.pages))
    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
        if picture.getexif().get(0x0112, 1) >= 5:
            width, height = height, width
        depth = "uint16" if picture.mode.startswith("I") else "float32" if picture.mode == "F" else "uint8"
        channels = 3 if picture.mode in ("P", "CMYK") else len(picture.getbands())
        return Header(height, width, channels, depth, getattr(picture, "n_frames", 1))


def array_header(file: Any) -> Header:
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(file)
    if len(shape) not in (2, 3):
        raise codecs.UnfitError(f"has the shape {shape}")
    depth = "float32" if dtype.kind == "f" else str(dtype)
    return Header(shape[0], shape[1], shape[2] if len(shape) == 3 else 1, depth)


# From what a file holds to what a Kind says


def fitted(raw: Raw, kind: Kind, name: str) -> Stored:
    """Channels first, then depth."""
    pixels = raw.pixels
    if kind.colour == "channels":
        if pixels.shape[2] != kind.channels:
            raise DiptychError(
                f"{name} has {pixels.shape[2]} channels, and the kind says {kind.channels}; "
                f"correct channels in data.source or data.target, or remove the file."
            )
        return as_depth(pixels, kind, name)
    if raw.alpha:
        pixels = composited(pixels, kind)
    if pixels.shape[2] not in (1, 3):
        raise DiptychError(
            f"{name} has {pixels.shape[2]} channels, and the kind says {kind.colour}; "
            f'for such files set colour = "channels" and channels = {pixels.shape[2]}.'
        )
    pixels = as_depth(pixels, kind, name)
    if pixels.shape[2] == kind.stored_channels:
        return pixels
    return np.repeat(pixels, 3, axis=2) if kind.stored_channels == 3 else luma(pixels)


def composited(pixels: npt.NDArray[Any], kind: Kind) -> npt.NDArray[Any]:
    """Lay a picture with opacity over the Kind's background."""
    top = RANGES[str(pixels.dtype)]
    colours, opacity = pixels[..., :-1].astype(np.float32), pixels[..., -1:].astype(np.float32) / top
    background = np.array(kind.background, dtype=np.float32) / 255 * top
    if colours.shape[2] == 1:
        background = luma(background[None, None])[0, 0]
    mixed = colours * opacity + background * (1 - opacity)
    return mixed if pixels.dtype == np.float32 else np.rint(mixed).astype(pixels.dtype)


def luma(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """RGB to grey by ITU-R BT.601."""
    grey = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return (grey if pixels.dtype == np.float32 else np.rint(grey)).astype(pixels.dtype)[..., None]


def as_depth(pixels: npt.NDArray[Any], kind: Kind, name: str) -> Stored:
    """Integers to another depth by their full ranges; a float file only where the Kind states its range."""
    found = str(pixels.dtype)
    if found == kind.depth:
        return pixels
    if found == "float32":
        raise DiptychError(
            f'{name} holds float values, and the kind says {kind.depth}; state depth = "float32" with low and high.'
        )
    shares = pixels.astype(np.float64) / RANGES[found]
    if kind.depth == "float32":
        low, high = kind.range
        return (shares * (high - low) + low).astype(np.float32)
    return np.rint(shares * RANGES[kind.depth]).astype(kind.depth)


# Out, and the ways in that are no files


def write(place: Path | BinaryIO, picture: Stored, ending: str = "") -> None:
    """Write (H, W, C); a path is written whole or not at all.

    Args:
        ending: such as "png"; by default the path's own.

    Raises:
        DiptychError: when the format cannot hold it, or the place cannot be written.
    """
    ending = (
        f".{ending.lstrip('.').lower()}" if ending else codecs.path_ending(place) if isinstance(place, Path) else ""
    )
    name = str(place) if isinstance(place, Path) else f"a {ending} stream"
    channels, depth = picture.shape[2], str(picture.dtype)
    if ending not in ENDINGS:
        raise DiptychError(f'{name} has no ending that is known ("{ending}"); use one of {" ".join(sorted(ENDINGS))}.')
    if not holds(ending, channels, depth):
        raise DiptychError(f"{name} cannot hold {channels} channels of {depth}; write .tif or .npy instead.")
    if not isinstance(place, Path):
        buffer = io.BytesIO()  # some encoders seek, and a pipe cannot
        codecs.encode(buffer, picture, ending)
        place.write(buffer.getvalue())
        return
    with written_beside(place) as beside, open(beside, "wb") as file:
        codecs.encode(file, picture, ending)


def from_array(array: npt.NDArray[Any], kind: Kind) -> Stored:
    """A numpy picture, (H, W) or (H, W, C), as one of this Kind; four channels of an rgb Kind are RGB and opacity."""
    try:
        pixels = codecs.planes_last(array)
    except codecs.UnfitError as problem:
        raise DiptychError(f"the array {problem}.") from None
    return fitted(Raw(pixels, alpha=pixels.shape[2] in (2, 4)), kind, "the array")


def from_pillow(picture: Image.Image, kind: Kind) -> Stored:
    """A Pillow picture as one of this Kind."""
    return fitted(codecs.from_pillow(picture), kind, "the picture")


def to_pillow(picture: Stored) -> Image.Image:
    """(H, W, 1 or 3) of 8 bits, or one channel of 16 bits or float, as a Pillow picture.

    Raises:
        DiptychError: for what Pillow cannot hold.
    """
    channels, depth = picture.shape[2], str(picture.dtype)
    if channels == 1:
        return Image.fromarray(picture[..., 0])
    if channels == 3 and depth == "uint8":
        return Image.fromarray(picture)
    raise DiptychError(f"Pillow cannot hold {channels} channels of {depth}; give the picture as a numpy array instead.")


def list_pictures(folder: Path) -> list[Path]:
    """The pictures directly in ``folder`` in natural order (2 before 10), hidden files passed over."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith(".")]
    return sorted((path for path in found if path.is_file()), key=lambda path: natural(path.name))


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sorting key in which numbers count as numbers."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)]
