"""TIFF beyond Pillow, through tifffile: 16-bit colour, many channels, 16-bit CMYK, and opacity of either sort.

tifffile decompresses with imagecodecs; the two are the extra ``diptych[tiff]``.
"""

import math
import struct
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from diptych.pictures import metadata
from diptych.pictures.decoded import (
    ORIENTATION,
    READERS,
    Decoded,
    Header,
    UnfitError,
    apply_orientation,
    channels_last,
    float_depth,
    import_extra,
    integer_depth,
    oriented,
    valid_orientation,
)
from diptych.pictures.depths import LIMITS, SIGNED, is_float
from diptych.pictures.metadata import NO_METADATA, Metadata

EIGHT_BIT = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "LAB", "HSV"}
# Tag numbers and values: TIFF 6.0, sections 8 and 16 to 23.
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLES_PER_PIXEL, EXTRA_SAMPLES, SAMPLE_FORMAT = 258, 262, 277, 338, 339
MIN_IS_WHITE, MIN_IS_BLACK, RGB, SEPARATED, YCBCR = 0, 1, 2, 5, 6
UNSIGNED, FLOATING = 1, 3
PREMULTIPLIED, STRAIGHT = 1, 2
PURPOSE = "a TIFF of this depth or of these channels"


def pillow_reads(file: BinaryIO) -> bool:
    """Whether Pillow gives all that the TIFF holds: 8 bits a channel, or one channel of 16 bits or float."""
    file.seek(0)
    try:
        picture = Image.open(file, formats=READERS)
        tags: Any = getattr(picture, "tag_v2", {})
        bits, samples = max(tags.get(BITS_PER_SAMPLE, (1,))), tags.get(SAMPLES_PER_PIXEL, 1)
        forms = set(tags.get(SAMPLE_FORMAT, (UNSIGNED,)))
        photometric = tags.get(PHOTOMETRIC)
        mode = picture.mode
    except (UnidentifiedImageError, struct.error, TypeError, ValueError):
        return False
    finally:
        file.seek(0)
    if mode.startswith("I;16"):
        return samples == 1 and bits == 16 and forms == {UNSIGNED} and photometric == MIN_IS_BLACK
    if mode == "F":
        return samples == 1 and bits == 32 and forms == {FLOATING} and photometric == MIN_IS_BLACK
    return (
        mode in EIGHT_BIT and bits <= 8 and forms == {UNSIGNED} and len(Image.new(mode, (1, 1)).getbands()) == samples
    )


def first_page(file: Any) -> Any:
    """The first page of a tifffile.TiffFile; UnfitError for depths or colours that are not read."""
    page = file.pages[0]
    kind, bits = page.dtype, page.bitspersample
    if kind is None or bits != kind.itemsize * 8:
        raise UnfitError(f"holds {bits}-bit values; save it as {', '.join(LIMITS)}, float32 or float64")
    if kind.kind != "f" and integer_depth(kind) in SIGNED and page.photometric not in (MIN_IS_BLACK, RGB):
        raise UnfitError(
            f"holds signed values as {getattr(page.photometric, 'name', 'unknown')} colours; save it as channels"
        )
    if page.photometric not in (MIN_IS_WHITE, MIN_IS_BLACK, RGB, SEPARATED, YCBCR):
        raise UnfitError(f"holds {getattr(page.photometric, 'name', 'unknown')} colours; save it as RGB or grey")
    return page


def orientation_of(page: Any) -> int:
    tag = page.tags.get(ORIENTATION)
    return valid_orientation(tag and int(tag.value))


def header(file: BinaryIO) -> Header:
    """The header of the first page."""
    with import_extra("tifffile", PURPOSE).TiffFile(file) as tiff:
        page = first_page(tiff)
        channels = 3 if page.photometric == SEPARATED else page.samplesperpixel
        depth = float_depth(page.dtype) if page.dtype.kind == "f" else page.dtype.name
        found = Header(page.imagelength, page.imagewidth, channels, depth, len(tiff.pages))
        return oriented(found, orientation_of(page))


def decode(file: BinaryIO) -> Decoded:
    """Decode the first page: channels last, CMYK as RGB, opacity not premultiplied."""
    with import_extra("tifffile", PURPOSE).TiffFile(file) as tiff:
        page = first_page(tiff)
        refuse_cut(page, file)
        pixels = page.asarray(maxworkers=1)  # reading happens in threads already
        pixels = channels_last(np.moveaxis(pixels, 0, -1) if page.axes.startswith("S") else pixels)
        orientation, extras, photometric = orientation_of(page), tuple(page.extrasamples), page.photometric
        carried = metadata.from_tifffile(page)
    top = 1.0 if is_float(pixels.dtype) else LIMITS[str(pixels.dtype)][1]
    if photometric == MIN_IS_WHITE:
        pixels = (top - pixels.astype(np.float64)).astype(pixels.dtype)
    if photometric == SEPARATED:
        pixels = from_cmyk(pixels, top)
    alpha = len(extras) == 1 and extras[0] in (PREMULTIPLIED, STRAIGHT) and pixels.shape[2] in (2, 4)
    if alpha and extras[0] == PREMULTIPLIED:
        pixels = straight(pixels, top)
    return Decoded(apply_orientation(pixels, orientation), alpha, carried)


def refuse_cut(page: Any, file: BinaryIO) -> None:
    """ValueError for a truncated file, whose missing pixels tifffile would fill with zeros."""
    file.seek(0, 2)
    size = file.tell()
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if len(segments) < math.prod(page.chunked) or any(start + count > size for start, count in segments):
        raise ValueError("it ends before its pixels do")


def from_cmyk(pixels: npt.NDArray[Any], top: float) -> npt.NDArray[Any]:
    """CMYK to RGB by Pillow's formula for 8 bits: (1 - ink) (1 - black)."""
    if pixels.shape[2] != 4:
        raise UnfitError(f"holds {pixels.shape[2]} inks; save it as RGB")
    left = 1 - pixels.astype(np.float64) / top
    shares = left[..., :3] * left[..., 3:] * top
    return (shares if is_float(pixels.dtype) else np.rint(shares)).astype(pixels.dtype)


def straight(pixels: npt.NDArray[Any], top: float) -> npt.NDArray[Any]:
    """Undo premultiplied opacity; colours are 0 where opacity is 0."""
    opacity = pixels[..., -1:].astype(np.float64)
    colours = pixels[..., :-1] * np.divide(top, opacity, out=np.zeros_like(opacity), where=opacity > 0)
    if not is_float(pixels.dtype):
        colours = np.rint(np.minimum(colours, top))
    return np.concatenate([colours.astype(pixels.dtype), pixels[..., -1:]], axis=2)


def encode(file: BinaryIO, pixels: npt.NDArray[Any], carried: Metadata = NO_METADATA) -> None:
    """Write (H, W) or (H, W, C), compressed without loss."""
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    import_extra("tifffile", PURPOSE).imwrite(
        file,
        pixels,
        photometric="rgb" if colour else "minisblack",
        compression="zlib",
        planarconfig="contig",
        metadata=None,
        **metadata.tifffile_options(carried),
    )
