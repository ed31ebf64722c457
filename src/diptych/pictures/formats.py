"""Read and write every file format: a path or bytes and a Kind give a picture of that Kind, or a DiptychError."""

import io
import os
import re
import struct
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from diptych.errors import DiptychError
from diptych.files import require_regular_file, write_bytes
from diptych.machine.threads import PROCESS
from diptych.pictures import codecs
from diptych.pictures.decoded import Decoded, Header, UnfitError, channels_last
from diptych.pictures.depths import RANGES
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.metadata import NO_METADATA, Metadata
from diptych.pictures.to_kind import as_kind, converted_to_srgb

ENDINGS = frozenset([*codecs.PILLOW_ENDINGS, *codecs.ARRAY_ENDINGS])


def pixel_limit() -> int:
    """DIPTYCH_MAX_PIXELS of the environment, or 89 million, from which Pillow warns of decompression bombs."""
    stated = os.environ.get("DIPTYCH_MAX_PIXELS", "89478485")
    if not stated.isdecimal() or int(stated) < 1:
        raise DiptychError(f'DIPTYCH_MAX_PIXELS is "{stated}"; set it to a number of pixels such as 200000000.')
    return int(stated)


OPACITY = ("holed", "mask", "channels", "slices", "labels", "instances")
"""Colours of Kinds whose opacity is not composited on the background."""
NUMBERS = ("labels", "instances")
"""Colours of Kinds that hold whole numbers: palette indices stay indices."""
MAX_PIXELS = pixel_limit()
"""Larger pictures are refused before they are decoded; the limit is lower for more than eight channels."""
if PROCESS.ours and Image.MAX_IMAGE_PIXELS is not None and MAX_PIXELS > Image.MAX_IMAGE_PIXELS:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS


# In


def read(source: Path | bytes, kind: Kind, name: str = "") -> Stored:
    """Read a picture as (H, W, kind.stored_channels) of kind.depth.

    The first bytes say which format it is. Alpha is composited on the Kind's background, palettes and CMYK become RGB,
    and EXIF orientation is applied. An animation, a TIFF of several pages and a .npz give their first picture. An
    integer file of another depth is scaled by the full ranges of both. Colours of another profile than sRGB are
    converted to it, except 16-bit ones that keep their depth.

    Args:
        source: a path, or the bytes of a file.
        name: what errors call it; by default the path.

    Raises:
        DiptychError: when it cannot be read or is not of the Kind; the sentence names the file.
    """
    return read_with_metadata(source, kind, name)[0]


def read_with_metadata(source: Path | bytes, kind: Kind, name: str = "") -> tuple[Stored, Metadata]:
    """As ``read``, with the file's metadata; a profile that was applied is not among it."""
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    if isinstance(source, Path):
        with open_file(source) as file, readable_errors(name):
            source = file.read()
    if not source:
        raise DiptychError(f"{name} is empty (0 bytes); remove it or copy it again.")
    with readable_errors(name):
        refuse_huge(codecs.header(io.BytesIO(source)), name)
        decoded = converted_to_srgb(codecs.decode(source, numbers=kind.colour in NUMBERS), kind)
    see_through = decoded.alpha and kind.colour not in OPACITY
    if see_through:
        see_through = bool((decoded.pixels[..., -1] < RANGES[str(decoded.pixels.dtype)]).any())
    return as_kind(decoded, kind, name), replace(decoded.metadata, see_through=see_through)


def probe(path: Path) -> Header:
    """Height, width, channels, depth and frames from the header, without decoding pixels.

    Raises:
        DiptychError: as ``read``, but for what only pixels tell: a truncated file may still have a whole header.
    """
    with open_file(path) as file, readable_errors(str(path)):
        if not file.read(1):
            raise DiptychError(f"{path} is empty (0 bytes); remove it or copy it again.")
        return codecs.header(file)


def open_file(path: Path) -> BinaryIO:
    try:
        return open(require_regular_file(path), "rb")
    except FileNotFoundError:
        raise DiptychError(f"{path} is not there; was it moved or removed?") from None
    except OSError as problem:
        raise DiptychError(f"{path} cannot be read: {problem.strerror}.") from None


@contextmanager
def readable_errors(name: str) -> Iterator[None]:
    """Turn every error of a decoder into a DiptychError of one sentence that begins with the file's name."""
    try:
        yield
    except DiptychError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DiptychError(
            f"{name} is larger than {MAX_PIXELS:,} pixels; make it smaller, or set DIPTYCH_MAX_PIXELS (and in a program of "
            f"your own also PIL.Image.MAX_IMAGE_PIXELS)."
        ) from None
    except UnidentifiedImageError:
        raise DiptychError(
            f"{name} is no picture that can be read, whatever its ending says; remove or replace it."
        ) from None
    except UnfitError as problem:
        raise DiptychError(f"{name} {reason(problem)}.") from None
    except MemoryError:
        raise DiptychError(f"{name} does not fit into the memory that is left; make it smaller.") from None
    except Exception as problem:  # decoders of damaged files throw anything
        if "imagecodecs" in str(problem):  # tifffile's message for a compression that it leaves to that package
            raise DiptychError(f"{name} needs imagecodecs: pip install 'diptych[tiff]'.") from None
        raise DiptychError(f"{name} is truncated or damaged ({reason(problem)}); replace it.") from None


def reason(problem: Exception) -> str:
    """The message of a decoder's error on one line, without addresses of objects."""
    message = "" if isinstance(problem, UnicodeError) else str(problem)  # which speaks of text encodings
    message = re.sub(r"<[^>]*>", "the data", " ".join(message.split())) or type(problem).__name__
    return message.rstrip(".")[:200]


def refuse_huge(header: Header, name: str) -> None:
    if header.height * header.width * max(1.0, header.channels / 8) > MAX_PIXELS:
        channels = f" with {header.channels} channels" if header.channels > 8 else ""
        raise DiptychError(
            f"{name} is {header.width}x{header.height}{channels}, larger than {MAX_PIXELS:,} pixels; make it smaller, "
            f"or set DIPTYCH_MAX_PIXELS."
        )


def from_array(array: npt.NDArray[Any], kind: Kind) -> Stored:
    """A numpy picture, (H, W) or (H, W, C), as one of this Kind.

    For a Kind of colours, two channels are grey and opacity, four are RGB and opacity.

    Raises:
        DiptychError: when it is not of the Kind.
    """
    with readable_errors("the array"):
        pixels = channels_last(array)
    return as_kind(Decoded(pixels, alpha=pixels.shape[2] in (2, 4)), kind, "the array")


def from_pillow(picture: Image.Image, kind: Kind) -> Stored:
    """A Pillow picture as one of this Kind: its colour profile is applied, an EXIF orientation is not.

    Raises:
        DiptychError: when it cannot be decoded or is not of the Kind.
    """
    with readable_errors("the picture"):
        decoded = converted_to_srgb(codecs.from_pillow(picture, numbers=kind.colour in NUMBERS), kind)
    return as_kind(decoded, kind, "the picture")


def list_pictures(folder: Path) -> list[Path]:
    """The pictures directly in ``folder`` in natural order (2 before 10), hidden files passed over.

    Raises:
        DiptychError: when there is no such folder.
    """
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith(".")]
    except OSError as problem:
        raise DiptychError(f"{folder} cannot be listed: {problem.strerror}.") from None
    return sorted((path for path in found if path.is_file()), key=lambda path: natural(path.name))


def stem(name: str) -> str:
    """A file's name without its last ending, by which partners are matched.

    It is in Unicode's form NFC: file systems differ in how they write accents, and names that look alike must match.
    """
    bare = os.path.splitext(name)[0]
    return bare if bare.isascii() else unicodedata.normalize("NFC", bare)


DIGITS = re.compile(r"(\d+)")


def natural(name: str) -> tuple[list[Any], str]:
    """A sorting key in which numbers count as numbers; the name itself parts "1.png" from "01.png"."""
    parts: list[Any] = DIGITS.split(name)  # every other one a number, and "" where a name begins or ends with one
    parts[1::2] = map(int, parts[1::2])
    return parts, name


# Out


def write(place: Path | BinaryIO, picture: Stored, ending: str = "", metadata: Metadata = NO_METADATA) -> None:
    """Write (H, W, C); a path is written whole or not at all.

    Args:
        place: a path, or a stream, which need not seek.
        picture: of a depth in ``depths``.
        ending: such as "png"; by default the path's own.
        metadata: what goes with it, as far as the format can hold it.

    Raises:
        DiptychError: when the format cannot hold it, or the place cannot be written.
    """
    if ending:
        ending = f".{ending.lstrip('.').lower()}"
    elif isinstance(place, Path):
        ending = place.suffix.lower()
    name = str(place) if isinstance(place, Path) else f"a {ending} stream"
    channels, depth = picture.shape[2], str(picture.dtype)
    if ending not in ENDINGS:
        raise DiptychError(f'{name} has no ending that is known ("{ending}"); use one of {" ".join(sorted(ENDINGS))}.')
    if not codecs.can_hold(ending, channels, depth):
        raise DiptychError(f"{name} cannot hold {channels} channels of {depth}; write .tif or .npy instead.")
    try:
        data = codecs.encode(picture, ending, metadata)
    except UnfitError as problem:
        raise DiptychError(f"{name} {reason(problem)}.") from None
    except (ValueError, OSError, RuntimeError, OverflowError, struct.error) as problem:  # such as too large for JPEG
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        raise DiptychError(f"{name} cannot hold {size} ({reason(problem)}); write .png or .tif instead.") from None
    if isinstance(place, Path):
        write_bytes(place, data)
    else:
        place.write(data)


def to_pillow(picture: Stored) -> Image.Image:
    """(H, W, 1 or 3) of 8 bits, or one channel of 16 bits or float, as a Pillow picture.

    Raises:
        DiptychError: for what Pillow cannot hold.
    """
    channels, depth = picture.shape[2], str(picture.dtype)
    if channels == 1:
        return Image.fromarray(np.ascontiguousarray(picture[..., 0]))
    if channels == 3 and depth == "uint8":
        return Image.fromarray(picture)
    raise DiptychError(f"Pillow cannot hold {channels} channels of {depth}; give the picture as a numpy array instead.")
