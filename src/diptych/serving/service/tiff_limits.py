"""A TIFF's directories are read before any decoder follows them: they can ask for far more work than the picture's size says.

A file of 64x64 pixels may state tiles of 24,000x24,000, each of which a decoder fills before it cuts out the picture;
may cut it into millions of pieces; and may chain a million directories.
"""

import struct
from typing import NamedTuple

DIRECTORIES, PIECES = 1000, 100_000
"""More of them is no picture but a trap."""
TILE_WIDTH, TILE_LENGTH, STRIP_OFFSETS, TILE_OFFSETS = 322, 323, 273, 324
SIDES = {3: "H", 4: "I"}
"""SHORT and LONG, the types that the format has for a tile's side; a decoder would follow others to elsewhere."""


class Form(NamedTuple):
    """How numbers lie in a classic or a big TIFF."""

    order: str
    entries: str
    """How many there are in a directory."""
    offset: str
    first: int
    """Where the first directory's offset stands."""


def unsafe_tiff(data: bytes, pixels: int) -> str:
    """What is wrong with the directories, as words; empty when they are fit to be followed."""
    try:
        return found(data, pixels)
    except (struct.error, OverflowError):  # the second for places beyond 2^63
        return "is truncated or damaged (a directory lies outside of the file)"


def found(data: bytes, pixels: int) -> str:
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    form = Form(order, "Q", "Q", 8) if big else Form(order, "H", "I", 4)
    (place,) = struct.unpack_from(order + form.offset, data, form.first)
    seen: set[int] = set()
    while place:
        if place in seen or len(seen) >= DIRECTORIES:
            return f"has more than {DIRECTORIES:,} directories, or they go in a circle; save its first page alone"
        seen.add(place)
        (count,) = struct.unpack_from(order + form.entries, data, place)
        start = place + struct.calcsize(order + form.entries)
        size = struct.calcsize(f"{order}HH{form.offset}{form.offset}")
        if len(seen) == 1 and (words := unfit(data, start, count, form, pixels)):
            return words
        (place,) = struct.unpack_from(order + form.offset, data, start + count * size)
    return ""


def unfit(data: bytes, start: int, count: int, form: Form, pixels: int) -> str:
    """The first directory's entries: type and count, then the value where it is short enough."""
    entry = f"{form.order}HH{form.offset}"
    size = struct.calcsize(entry + form.offset)
    sides: list[int] = []
    for place in range(start, min(start + count * size, len(data)), size):
        tag, kind, values = struct.unpack_from(entry, data, place)
        if tag in (TILE_WIDTH, TILE_LENGTH):
            if kind not in SIDES or values != 1:
                return "states the size of its tiles in a way that TIFF does not have; save it again"
            sides.append(*struct.unpack_from(form.order + SIDES[kind], data, place + struct.calcsize(entry)))
        if tag in (STRIP_OFFSETS, TILE_OFFSETS) and values > PIECES:
            return f"is cut into {values:,} pieces; save it with fewer, larger ones"
    if len(sides) >= 2 and max(sides) * sorted(sides)[-2] > pixels:
        return f"has tiles of {sides[0]:,}x{sides[1]:,} pixels; save it with smaller ones"
    return ""
