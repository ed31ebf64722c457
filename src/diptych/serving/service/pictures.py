"""Pictures of requests and answers: checked by their headers, decoded as their Kind, encoded in the type asked for."""

import contextlib
import io
import math
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from PIL import Image

from diptych.errors import DiptychError
from diptych.pictures import codecs, formats
from diptych.pictures.decoded import Header
from diptych.pictures.kinds import INSTANCES, MASK, Kind, Stored
from diptych.pictures.to_kind import completed
from diptych.serving.service import tiff_limits
from diptych.serving.service.limits import Limits
from diptych.serving.service.problems import Problem
from diptych.translator.scaling import TranslatorBase

QUALITY_VALUE = re.compile(r"[01](\.\d{0,3})?")
ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/tiff": ".tif"}
KINDS = {"instances": INSTANCES, "mask": MASK}
NAMES = {"picture": "the picture", "instances": "the instance map", "mask": "the mask"}
"""The files of a request by field, and their names in messages."""
REMEDIES = {which: f"send a form with the fields picture and {which}" for which in KINDS}
RGB_WEIGHTS = np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
"""These make one number of the three bytes of a colour."""
SIGNATURES = (codecs.PNG_SIGNATURE, b"\xff\xd8\xff", b"RIFF", b"BM", *codecs.TIFF_SIGNATURES)


def decode(data: bytes, kind: Kind, limits: Limits, name: str = "the picture") -> Stored:
    """Decode a request's picture as one of ``kind``; class maps may have the colours of the listing.

    Raises:
        Problem: 413 when it is too large, 415 when it is no picture, 422 when it is damaged or not of the Kind.
    """
    read_header(data, limits, name)
    coloured = kind.colour == "labels" and not kind.palette
    if coloured:
        kind = replace(kind, palette=tuple(tuple(colour) for colour in kind.colours()[: kind.classes].tolist()))
    try:
        picture = formats.read(data, kind, name)
    except DiptychError as problem:
        raise Problem(422, str(problem)) from None
    if coloured:
        refuse_photo(data, kind, name)
    return picture


def refuse_photo(data: bytes, kind: Kind, name: str) -> None:
    """Raises: Problem 422 for a colour picture with mostly other colours than those of the listing."""
    pixels = codecs.decode(data, numbers=True).pixels
    if pixels.shape[2] < 3 or pixels.dtype != np.uint8:
        return
    keys, counts = np.unique(pixels[..., :3].astype(np.int32) @ RGB_WEIGHTS, return_counts=True)
    known = np.array(kind.palette, dtype=np.int32) @ RGB_WEIGHTS
    if 2 * counts[np.isin(keys, known)].sum() < counts.sum():
        reason = "is no class map: most of it is in none of the classes' colours (/translators lists them)"
        raise Problem(422, f"{name} {reason}; send an index picture, or these colours.")


def read_header(data: bytes, limits: Limits, name: str) -> Header:
    """Read a picture's header.

    Raises:
        Problem: 413 when they state too many pixels, 415 when it is no picture, 422 when they cannot be read.
    """
    if not data:
        raise Problem(422, f"{name} is empty; send the bytes of a PNG, JPEG, WebP or TIFF.")
    if not data.startswith(SIGNATURES):
        raise Problem(415, f"{name} is no PNG, JPEG, WebP, BMP or TIFF; send one of these.")
    if data.startswith(codecs.TIFF_SIGNATURES) and (reason := tiff_limits.unsafe_tiff(data, limits.pixels)):
        raise Problem(422, f"{name} {reason}.")
    too_large = f"and at most {limits.pixels:,} pixels are taken; make it smaller."
    header, pixels = None, 0.0
    try:
        with (
            formats.readable_errors(name),
            contextlib.suppress(Image.DecompressionBombError, Image.DecompressionBombWarning),
        ):
            header = codecs.header(io.BytesIO(data))
            pixels = header.height * header.width * max(1.0, header.channels / 8)  # tags may hold anything but numbers
    except DiptychError as problem:
        raise Problem(422, str(problem)) from None
    if header is None:
        raise Problem(413, f"{name} is larger still than others that are refused, {too_large}")
    if pixels > limits.pixels:
        raise Problem(413, f"{name} is {header.width}x{header.height}, {too_large}")
    return header


def count_pixels(files: Mapping[str, bytes], translator: TranslatorBase, size: str, limits: Limits) -> int:
    """The most pixels that any picture of this request has, by the headers of its files alone.

    Raises:
        Problem: 413 when the result or the network's padded input is far beyond the limit; else as ``read_header``.
    """
    card = translator.card
    headers = {field: read_header(data, limits, NAMES[field]) for field, data in files.items()}
    height, width = headers["picture"].height, headers["picture"].width
    if height * width * card.scale**2 > limits.pixels:
        reason = f"the counterpart would have {card.scale} times its {width}x{height} along each side, and at most"
        raise Problem(413, f"{reason} {limits.pixels:,} pixels are made; send a smaller picture.")
    tall, wide = translator.network_size((height, width), size)
    if (tall, wide) != (height, width) and tall * wide * card.scale**2 > limits.pixels:
        reason = f"the picture of {width}x{height} would be translated at {wide}x{tall}"
        raise Problem(413, f"{reason}, and at most {limits.pixels:,} pixels are taken; ask for a smaller size.")
    rows, columns = (math.ceil(side / card.multiple) * card.multiple for side in (tall, wide))
    if rows * columns > 2 * limits.pixels:
        reason = f"the picture is {wide}x{tall}, and the network needs both sides filled up to {card.multiple}"
        raise Problem(413, f"{reason}; send one that is less long and narrow.")
    return max(rows * columns * card.scale**2, *(header.height * header.width for header in headers.values()))


def read_picture(files: Mapping[str, bytes], kind: Kind, limits: Limits) -> Stored:
    """Decode a request's files to the translator's input, by the same rules as ``diptych translate``.

    Raises:
        Problem: when one is missing, unreadable, or of another size.
    """
    picture = decode(files["picture"], kind, limits)

    def companion(which: str) -> tuple[Stored, str] | None:
        if which not in files:
            return None
        return decode(files[which], KINDS[which], limits, NAMES[which]), NAMES[which]

    try:
        return completed(picture, kind, NAMES["picture"], companion, REMEDIES)
    except DiptychError as problem:
        raise Problem(422, str(problem)) from None


def negotiate_type(accept: str, target: Kind) -> str:
    """The type that the client prefers among those that can hold the target; of equals the one it names first.

    Raises:
        Problem: 406 when there is none.
    """
    stated: dict[str, tuple[float, int]] = {}
    for place, part in enumerate(accept.split(",")[:50] if accept.strip() else ["*/*"]):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        stated.setdefault(kind, (float(quality) if QUALITY_VALUE.fullmatch(quality) else 0.0, place))
    ranked = []
    for own, (kind, ending) in enumerate(ENDINGS.items()):
        share, place = next((stated[name] for name in (kind, "image/*", "*/*") if name in stated), (0.0, 0))
        if share > 0 and codecs.can_hold(ending, target.stored_channels, target.depth):
            ranked.append((-share, place, own, kind))
    if not ranked:
        fit = [
            kind for kind, ending in ENDINGS.items() if codecs.can_hold(ending, target.stored_channels, target.depth)
        ]
        raise Problem(406, f"the answer is a picture of {target.depth}; accept {' or '.join(fit)}.")
    return min(ranked)[-1]


def encode(picture: Stored, media_type: str) -> bytes:
    """The bytes of an answer.

    Raises:
        Problem: 406 when that type cannot hold the picture.
    """
    file = io.BytesIO()
    try:
        formats.write(file, picture, ENDINGS[media_type])
    except DiptychError as problem:
        raise Problem(406, f"{problem} Accept image/tiff instead.") from None
    return file.getvalue()
