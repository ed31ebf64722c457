"""Pictures in and out of requests: refused by their headers, decoded by the image law, encoded as was asked."""

import io
from dataclasses import replace

import numpy as np

from diptych import codecs, formats
from diptych.errors import DiptychError
from diptych.images import Kind, Stored
from diptych.serving.limits import Limits
from diptych.serving.problems import Problem

ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/tiff": ".tif"}
SIGNATURES = (codecs.PNG_SIGNATURE, b"\xff\xd8\xff", b"RIFF", b"BM", *codecs.TIFF_SIGNATURES)
INSTANCES = Kind(colour="instances", depth="uint16")


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
    try:
        with formats.explaining(name):
            header = codecs.header(io.BytesIO(data))
        if header.height * header.width * max(1.0, header.channels / 8) > limits.pixels:
            words = f"{name} is {header.width}x{header.height}, and at most {limits.pixels:,} pixels are taken; make it smaller."
            raise Problem(413, words)
        return formats.read(data, kind, name)
    except DiptychError as problem:
        raise Problem(422, str(problem)) from None


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


def wanted_type(accept: str) -> str:
    """The first of the types that we have, in the client's order of preference.

    Raises:
        Problem: 406 when none will do.
    """
    ranked: list[tuple[float, int, str]] = []
    for part in accept.split(",")[:50] if accept.strip() else ["*/*"]:
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            share = float(quality)
        except ValueError:
            share = 0.0
        ranked.append((-share, len(ranked), kind))
    for share, _, kind in sorted(ranked):
        if share < 0:
            if kind in ("*/*", "image/*"):
                return "image/png"
            if kind in ENDINGS:
                return kind
    raise Problem(406, f"the answer is a picture; accept one of {', '.join(ENDINGS)}.")


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
