"""Pictures in and out of requests: refused by their headers, decoded by the image law, encoded as was asked."""

import contextlib
import io
import math
import re
from dataclasses import replace

import numpy as np
from PIL import Image

from diptych import codecs, formats
from diptych.card import Card
from diptych.errors import DiptychError
from diptych.images import INSTANCES, Kind, Stored
from diptych.serving import tiffs
from diptych.serving.limits import Limits
from diptych.serving.problems import Problem

QUALITY = re.compile(r"[01](\.\d{0,3})?")
ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/tiff": ".tif"}
SIGNATURES = (codecs.PNG_SIGNATURE, b"\xff\xd8\xff", b"RIFF", b"BM", *codecs.TIFF_SIGNATURES)


def decoded(data: bytes, kind: Kind, limits: Limits, name: str = "the picture") -> Stored:
    """A request's picture as one of ``kind``; class maps may come in the colours that the listing names.

    Raises:
        Problem: 413 when it is too large, 415 when it is no picture, 422 when it is not of the Kind or damaged.
    """
    if not data:
        raise Problem(422, f"{name} is empty; send the bytes of a PNG, JPEG, WebP or TIFF.")
    if not data.startswith(SIGNATURES):
        raise Problem(415, f"{name} is no PNG, JPEG, WebP, BMP or TIFF; send one of these.")
    if kind.colour == "labels" and not kind.palette:
        kind = replace(kind, palette=tuple(tuple(colour) for colour in kind.colours()[: kind.classes].tolist()))
    check_size(data, limits, name)
    try:
        return formats.read(data, kind, name)
    except DiptychError as problem:
        raise Problem(422, str(problem)) from None


def check_size(data: bytes, limits: Limits, name: str) -> None:
    """By the header alone.

    Raises:
        Problem: 413 when it states too many pixels, 422 when it cannot be read.
    """
    if data.startswith(codecs.TIFF_SIGNATURES) and (words := tiffs.trap(data, limits.pixels)):
        raise Problem(422, f"{name} {words}.")
    too_large = f"and at most {limits.pixels:,} pixels are taken; make it smaller."
    header, pixels = None, 0.0
    try:
        with (
            formats.explaining(name),
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


def check_counterpart(picture: Stored, seen: tuple[int, int], card: Card, limits: Limits) -> None:
    """What the network makes of it where it sees it at (height, width) ``seen``.

    Raises:
        Problem: 413 when the counterpart, what the network sees, or that filled up to its multiple, is far beyond the limit.
    """
    height, width = picture.shape[:2]
    if height * width * card.scale**2 > limits.pixels:
        words = f"the counterpart would have {card.scale} times its {width}x{height} along each side, and at most"
        raise Problem(413, f"{words} {limits.pixels:,} pixels are made; send a smaller picture.")
    tall, wide = seen
    if seen != (height, width) and tall * wide * card.scale**2 > limits.pixels:
        words = f"the picture of {width}x{height} would be translated at {wide}x{tall}"
        raise Problem(413, f"{words}, and at most {limits.pixels:,} pixels are taken; ask for a smaller size.")
    rows, columns = (math.ceil(side / card.multiple) * card.multiple for side in seen)
    if rows * columns > 2 * limits.pixels:
        words = f"the picture is {wide}x{tall}, and the network needs both sides filled up to {card.multiple}"
        raise Problem(413, f"{words}; send one that is less long and narrow.")


def with_instances(picture: Stored, data: bytes | None, limits: Limits) -> Stored:
    """A class map and its instance map as two channels.

    Raises:
        Problem: when the second is missing, unreadable, or of another size.
    """
    if data is None:
        words = "this translator needs an instance map; send a form with the fields picture and instances."
        raise Problem(422, words)
    beside = decoded(data, INSTANCES, limits, "the instance map")
    if beside.shape[:2] != picture.shape[:2]:
        raise Problem(422, "the class map and the instance map differ in size; send both in one size.")
    return np.concatenate([picture[..., :1], beside], axis=2)


def wanted_type(accept: str, target: Kind) -> str:
    """Of the types that can hold the target the one that the client likes best; among equals the one it names first.

    Raises:
        Problem: 406 when none will do.
    """
    stated: dict[str, tuple[float, int]] = {}
    for place, part in enumerate(accept.split(",")[:50] if accept.strip() else ["*/*"]):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        stated.setdefault(kind, (float(quality) if QUALITY.fullmatch(quality) else 0.0, place))
    ranked = []
    for own, (kind, ending) in enumerate(ENDINGS.items()):
        share, place = next((stated[name] for name in (kind, "image/*", "*/*") if name in stated), (0.0, 0))
        if share > 0 and formats.holds(ending, target.stored_channels, target.depth):
            ranked.append((-share, place, own, kind))
    if not ranked:
        fit = [kind for kind, ending in ENDINGS.items() if formats.holds(ending, target.stored_channels, target.depth)]
        raise Problem(406, f"the answer is a picture of {target.depth}; accept {' or '.join(fit)}.")
    return min(ranked)[-1]


def encoded(picture: Stored, media_type: str) -> bytes:
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
