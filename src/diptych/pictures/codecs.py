"""Decoding and encoding, format by format: bytes to an array with the file's own channels, and back.

The first bytes say which format a file has, never its ending. Pillow reads and writes everything of 8 bits, and one
channel of 16 bits or float. It would open a 16-bit RGB PNG as 8-bit, and it reads no TIFF of five channels. Those go
through imagecodecs and tifffile, which are the extra ``diptych[tiff]`` (``tiff``).
"""

import ctypes
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, _imaging

from diptych.machine import threads
from diptych.pictures import metadata, tiff
from diptych.pictures.decoded import (
    FOREIGN,
    ORIENTATION,
    READERS,
    Decoded,
    Header,
    UnfitError,
    apply_orientation,
    channels_last,
    check_shape,
    float_depth,
    import_extra,
    integer_depth,
    oriented,
    valid_orientation,
)
from diptych.pictures.metadata import NO_METADATA, Metadata
from diptych.pictures.profiles import srgb_transform

PILLOW_ENDINGS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP"}
PILLOW_ENDINGS |= dict.fromkeys((".tif", ".tiff"), "TIFF")
PILLOW_DEPTHS = ("uint8", "uint16", "float32")
"""Of one channel, as it writes them; it would widen the others."""
ARRAY_ENDINGS = (".npy", ".npz")
JPEG_SIDE = 65_500
"""Of libjpeg."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
NPY_SIGNATURE = b"\x93NUMPY"
ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def silence_libtiff() -> None:
    """Keep libtiff from writing to standard error about odd files, beside our own sentence.

    This changes the whole process, so it is done only in diptych's own, never in a program that imports it.
    """
    with suppress(AttributeError, OSError):  # not every build of Pillow has these functions
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


if threads.PROCESS.ours:
    silence_libtiff()


# What is it?


def signature(file: BinaryIO) -> bytes:
    file.seek(0)
    head = file.read(32)
    file.seek(0)
    return head


def sixteen_bit_colour(head: bytes) -> bool:
    """A PNG of 16 bits whose colour type is other than plain grey."""
    return head[:8] == PNG_SIGNATURE and len(head) > 25 and head[24] == 16 and head[25] != 0


def header(file: BinaryIO) -> Header:
    """Read the header alone, without decoding pixels."""
    head = signature(file)
    for what, (place, beginnings) in FOREIGN.items():
        if head[place:].startswith(beginnings):
            raise UnfitError(f"is {what}, which diptych does not read; save it as PNG or TIFF, and give that")
    if head.startswith((NPY_SIGNATURE, *ZIP_SIGNATURES)):
        with array_file(file, head) as member:
            return array_header(member)
    if sixteen_bit_colour(head):
        width, height = struct.unpack(">II", head[16:24])
        return oriented(Header(height, width, {2: 3, 4: 2, 6: 4}[head[25]], "uint16"), png_orientation(file))
    if head.startswith(TIFF_SIGNATURES) and not tiff.pillow_reads(file):
        return tiff.header(file)
    with Image.open(file, formats=READERS) as picture:
        width, height = picture.size
        depth = "uint16" if picture.mode.startswith("I") else "float32" if picture.mode == "F" else "uint8"
        channels = 3 if picture.mode in ("P", "CMYK") else len(picture.getbands())
        found = Header(height, width, channels, depth, getattr(picture, "n_frames", 1))
        return oriented(found, orientation_of(picture, file))


def orientation_of(picture: Image.Image, file: BinaryIO) -> int:
    """The EXIF orientation, 1 to 8, that is left to apply. A damaged EXIF block counts as 1."""
    if picture.format == "TIFF":  # Pillow turns these itself
        return 1
    if picture.format == "PNG" and "exif" not in picture.info:
        return png_orientation(file)  # getexif would decode the pixels in search of a late chunk
    try:
        return valid_orientation(picture.getexif().get(ORIENTATION))
    except Exception:  # damaged blocks throw anything
        return 1


def png_orientation(file: BinaryIO) -> int:
    """The orientation in the eXIf chunk of a PNG, before or after the pixels."""
    file.seek(len(PNG_SIGNATURE))
    while len(chunk := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", chunk)
        if name == b"eXIf":
            try:
                exif = Image.Exif()
                exif.load(file.read(length))
                return valid_orientation(exif.get(ORIENTATION))
            except Exception:  # as above
                return 1
        file.seek(length + 4, io.SEEK_CUR)
    return 1


def bare_png(data: bytes) -> bytes:
    """A PNG with critical chunks and tRNS alone: libpng writes to standard error about damage in the others."""
    parts, place = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while len(head := data[place : place + 8]) == 8:
        length, name = struct.unpack(">I4s", head)
        if name[:1].isupper() or name == b"tRNS":
            parts.append(data[place : place + length + 12])
        place += length + 12
    return b"".join(parts)


# In


def decode(data: bytes, numbers: bool = False) -> Decoded:
    """Decode a file; ``numbers`` keeps the indices of a palette picture, and integers of 32 bits, as they are."""
    file = io.BytesIO(data)
    head = signature(file)
    if head.startswith((NPY_SIGNATURE, *ZIP_SIGNATURES)):
        with array_file(file, head) as member:
            array_header(member)
        with array_file(file, head) as member:
            return Decoded(channels_last(np.lib.format.read_array(member, allow_pickle=False)))
    if sixteen_bit_colour(head):
        pixels = import_extra("imagecodecs", "a 16-bit colour PNG").png_decode(bare_png(data))
        alpha = pixels.ndim == 3 and pixels.shape[2] in (2, 4)
        with Image.open(io.BytesIO(data), formats=READERS) as picture:  # its head alone
            carried = metadata.from_pillow(picture)
        return Decoded(apply_orientation(channels_last(pixels), png_orientation(file)), alpha, carried)
    if head.startswith(TIFF_SIGNATURES) and not tiff.pillow_reads(file):
        return tiff.decode(file)
    with Image.open(file, formats=READERS) as picture:
        orientation = orientation_of(picture, io.BytesIO(data))
        carried = metadata.from_pillow(picture)  # before Pillow turns it
        pixels, alpha, _ = from_pillow(picture, numbers)
        return Decoded(pixels if orientation == 1 else apply_orientation(pixels, orientation), alpha, carried)


@contextmanager
def array_file(file: BinaryIO, head: bytes) -> Iterator[Any]:
    """The .npy itself, or the first array of a .npz."""
    file.seek(0)
    if head.startswith(NPY_SIGNATURE):
        yield file
        return
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if not names:
            raise UnfitError("is a zip file that holds no numpy array; save it with numpy.savez")
        with archive.open(names[0]) as member:
            yield member


def array_header(file: Any) -> Header:
    """Shape and type of a .npy; UnfitError for what is no picture, before its values are read."""
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(file)
    depth = float_depth(dtype) if dtype.kind == "f" else integer_depth(dtype)
    check_shape(shape)
    return Header(shape[0], shape[1], shape[2] if len(shape) == 3 else 1, depth)


def from_pillow(picture: Image.Image, numbers: bool = False) -> Decoded:
    """The first frame of a Pillow picture; an EXIF orientation is not applied."""
    mode, carried = picture.mode, Metadata(metadata.profile_of(picture))
    if numbers and (mode == "P" or mode.startswith("I")):
        return Decoded(np.array(picture)[..., None])
    inks = srgb_transform(carried.profile, mode) if mode == "CMYK" else None
    if inks is not None:  # before Pillow converts them by itself
        picture, mode = inks.apply(picture), "RGB"
    if mode.startswith("I"):
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 65535:
            raise UnfitError("holds 32-bit integers beyond 65535; save it as uint16 or float32")
        return Decoded(values.astype(np.uint16)[..., None], metadata=carried)
    if mode == "F":
        return Decoded(np.asarray(picture, dtype=np.float32)[..., None], metadata=carried)
    see_through = picture.has_transparency_data
    grey = mode in ("1", "L", "LA", "La")
    wanted = ("LA" if see_through else "L") if grey else ("RGBA" if see_through else "RGB")
    if mode == "La":
        picture = picture.convert("LA")  # the only mode that La converts to
    elif mode != wanted:
        picture = picture.convert("RGBA").convert(wanted) if see_through else picture.convert(wanted)
    return Decoded(channels_last(np.asarray(picture)), see_through, carried)


# Out


def can_hold(ending: str, channels: int, depth: str) -> bool:
    """Whether files of ``ending`` can hold such pictures without loss of depth or channels."""
    if ending in (".tif", ".tiff", ".npy", ".npz"):
        return True
    if ending == ".png":
        return channels in (1, 3) and depth in ("uint8", "uint16")
    return ending in PILLOW_ENDINGS and channels in (1, 3) and depth == "uint8"


def encode(pixels: npt.NDArray[Any], ending: str, carried: Metadata = NO_METADATA) -> bytes:
    """Encode (H, W, C) in the format of ``ending``, with the metadata that it can hold; ask ``can_hold`` before."""
    file = io.BytesIO()
    channels = pixels.shape[2]
    plain = np.ascontiguousarray(pixels[..., 0] if channels == 1 else pixels)
    if ending in ARRAY_ENDINGS:
        saving: Callable[..., None] = np.save if ending == ".npy" else np.savez_compressed
        saving(file, pixels)
    elif str(pixels.dtype) in PILLOW_DEPTHS if channels == 1 else channels == 3 and pixels.dtype == np.uint8:
        # Full colour resolution: what networks paint has sharp colour edges, and JPEG's default would blur them.
        options: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}
        form = PILLOW_ENDINGS[ending]
        if form == "JPEG" and max(pixels.shape) > JPEG_SIDE:  # libjpeg would also say so on standard error
            raise ValueError(f"JPEG has at most {JPEG_SIDE:,} pixels a side")
        Image.fromarray(plain).save(file, form, **options.get(form, {}), **metadata.pillow_options(carried, form))
    elif ending == ".png":
        data = import_extra("imagecodecs", "a 16-bit colour PNG").png_encode(plain)
        file.write(metadata.with_profile(data, carried))
    else:
        tiff.encode(file, plain, carried)
    return file.getvalue()
