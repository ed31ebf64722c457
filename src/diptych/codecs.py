"""Decoding and encoding, format by format: bytes to an array with its channels as the file has them, and back.

Pillow does all that is 8-bit. It opens a 16-bit RGB PNG as 8-bit without a word and knows no TIFF of five channels, so
those go through imagecodecs and tifffile, which are the extra ``diptych[tiff]``.
"""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from diptych.errors import DiptychError

PILLOW_ENDINGS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
ARRAY_ENDINGS = (".npy", ".npz")
EIGHT_BIT = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class UnfitError(ValueError):
    """A whole file of something that is no picture: its text goes on a sentence that begins with the name."""


class Raw(NamedTuple):
    """What a file holds: (H, W, C), uint8, uint16 or float32; with ``alpha`` its last channel is opacity."""

    pixels: npt.NDArray[Any]
    alpha: bool = False


def wants(package: str, purpose: str) -> Any:
    """Import one of the packages of the extra, or say how to get it."""
    try:
        return __import__(package)
    except ImportError:
        raise DiptychError(f"{purpose} needs {package}: pip install 'diptych[tiff]'.") from None


# In


def decode(data: bytes, ending: str) -> Raw:
    """Decode the bytes of a file; ``ending`` matters for arrays only, pictures are told by their first bytes."""
    if ending in ARRAY_ENDINGS:
        return decode_array(data, ending)
    if sixteen_bit_colour(data):
        pixels = wants("imagecodecs", "a 16-bit colour PNG").png_decode(data)
        return Raw(planes_last(pixels), alpha=pixels.ndim == 3 and pixels.shape[2] in (2, 4))
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") and not pillow_reads_tiff(data):
        return decode_tiff(data)
    with Image.open(io.BytesIO(data)) as picture:
        return from_pillow(ImageOps.exif_transpose(picture))


def sixteen_bit_colour(data: bytes) -> bool:
    """A PNG of 16 bits whose colour type is other than plain grey."""
    return data[:8] == PNG_SIGNATURE and len(data) > 25 and data[24] == 16 and data[25] != 0


def pillow_reads_tiff(data: bytes) -> bool:
    """Whether Pillow gives all that the TIFF holds: 8 bits a channel in a colour space that it knows."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            tags: Any = picture.tag_v2  # type: ignore[attr-defined]  # every TIFF has it
            bits, samples = tags.get(258, (1,)), tags.get(277, 1)
            known = len(picture.getbands()) == samples or picture.mode == "P"
            return picture.mode in EIGHT_BIT and max(bits) <= 8 and known
    except (UnidentifiedImageError, struct.error, TypeError):
        return False


def decode_tiff(data: bytes) -> Raw:
    tifffile = wants("tifffile", "a TIFF of this depth or of these channels")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        pixels = page.asarray()
        if page.axes[:1] in ("S", "C") or (pixels.ndim == 3 and page.planarconfig == 2):
            pixels = np.moveaxis(pixels, 0, -1)
        alpha = any(int(extra) in (1, 2) for extra in page.extrasamples) and pixels.shape[-1] in (2, 4)
    return Raw(planes_last(pixels), alpha)


def decode_array(data: bytes, ending: str) -> Raw:
    """A .npy, or the only or first array of a .npz; nothing is ever unpickled."""
    loaded = np.load(io.BytesIO(data), allow_pickle=False)
    pixels = loaded if ending == ".npy" else loaded[loaded.files[0]]
    return Raw(planes_last(pixels))


def from_pillow(picture: Image.Image) -> Raw:
    """The first frame of a Pillow picture."""
    mode = picture.mode
    if mode.startswith("I;16"):
        return Raw(np.asarray(picture).astype(np.uint16)[..., None])
    if mode == "I":
        return Raw(planes_last(np.asarray(picture)))
    if mode == "F":
        return Raw(np.asarray(picture, dtype=np.float32)[..., None])
    see_through = "transparency" in picture.info or mode in ("LA", "La", "PA", "RGBA", "RGBa")
    grey = mode in ("1", "L", "LA", "La")
    wanted = ("LA" if see_through else "L") if grey else ("RGBA" if see_through else "RGB")
    converted = (
        picture
        if mode == wanted
        else picture.convert("RGBA").convert(wanted)
        if see_through
        else picture.convert(wanted)
    )
    return Raw(planes_last(np.asarray(converted)), alpha=see_through)


def planes_last(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(H, W, C) of one of the three depths.

    Raises:
        UnfitError: for another number of axes or another type, with what was found.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise UnfitError(f"has the shape {pixels.shape}, and a picture is (height, width) or (height, width, channels)")
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32)
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels.astype(pixels.dtype.newbyteorder("="))
    if pixels.dtype == np.int32 and pixels.min() >= 0 and pixels.max() <= 65535:
        return pixels.astype(np.uint16)  # Pillow's mode "I" of a 16-bit file
    raise UnfitError(f"holds {pixels.dtype} values; save it as uint8, uint16 or float32")


# Out


def holds(ending: str, channels: int, depth: str) -> bool:
    """Whether files of ``ending`` can hold such pictures without loss of depth or channels."""
    if ending in (".tif", ".tiff", ".npy", ".npz"):
        return True
    if ending == ".png":
        return channels in (1, 3) and depth in ("uint8", "uint16")
    return ending in PILLOW_ENDINGS and channels in (1, 3) and depth == "uint8"


def encode(file: BinaryIO, pixels: npt.NDArray[Any], ending: str) -> None:
    """Write (H, W, C) as what ``ending`` says; ``holds`` must have been asked."""
    channels = pixels.shape[2]
    plain = pixels[..., 0] if channels == 1 else pixels
    if ending in ARRAY_ENDINGS:
        saving: Callable[..., None] = np.save if ending == ".npy" else np.savez_compressed
        saving(file, pixels)
    elif pixels.dtype == np.uint8 and channels in (1, 3):
        options: dict[str, Any] = {"quality": 95} if ending in (".jpg", ".jpeg", ".webp") else {}
        Image.fromarray(plain).save(file, PILLOW_ENDINGS[ending], **options)
    elif ending == ".png" and channels == 1:
        Image.fromarray(plain).save(file, "PNG")
    elif ending == ".png":
        file.write(wants("imagecodecs", "a 16-bit colour PNG").png_encode(pixels))
    else:
        photometric = "rgb" if channels == 3 else "minisblack"
        tifffile = wants("tifffile", "a TIFF of this depth or of these channels")
        tifffile.imwrite(file, plain, photometric=photometric, compression="zlib", planarconfig="contig")


def path_ending(path: Path | str) -> str:
    return Path(path).suffix.lower()
