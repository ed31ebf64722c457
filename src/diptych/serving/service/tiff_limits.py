"""A check of a TIFF's directories before any decoder follows them: a small picture can ask for a lot of work.

A file of 64x64 pixels may state tiles of 24,000x24,000, each of which a decoder fills before it crops the picture. It may
have millions of strips, and a chain of a million directories.
"""

import struct
from typing import NamedTuple

MAX_DIRECTORIES, MAX_STRIPS = 1000, 100_000
"""A file with more of them is an attack."""
TILE_WIDTH, TILE_LENGTH, STRIP_OFFSETS, TILE_OFFSETS = 322, 323, 273, 324
SIDE_TYPES = {3: "H", 4: "I"}
"""SHORT and LONG, the types of a tile's side. A decoder would read others from elsewhere in the file."""


class TiffLayout(NamedTuple):
    """The format of numbers in a classic or a big TIFF."""

    order: str
    entries: str
    """The number of a directory's entries."""
    offset: str
    first: int
    """The place of the first directory's offset."""


def unsafe_tiff(data: bytes, pixels: int) -> str:
    """What is wrong with the directories; empty when a decoder may follow them."""
    try:
        return check_directories(data, pixels)
    except (struct.error, OverflowError):  # the second for places beyond 2^63
        return "is truncated or damaged (a directory lies outside of the file)"


def check_directories(data: bytes, pixels: int) -> str:
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    layout = TiffLayout(order, "Q", "Q", 8) if big else TiffLayout(order, "H", "I", 4)
    (place,) = struct.unpack_from(order + layout.offset, data, layout.first)
    seen: set[int] = set()
    while place:
        if place in seen or len(seen) >= MAX_DIRECTORIES:
            return f"has more than {MAX_DIRECTORIES:,} directories, or they go in a circle; save its first page alone"
        seen.add(place)
        (count,) = struct.unpack_from(order + layout.entries, data, place)
        start = place + struct.calcsize(order + layout.entries)
        size = struct.calcsize(f"{order}HH{layout.offset}{layout.offset}")
        if len(seen) == 1 and (reason := check_first_directory(data, start, count, layout, pixels)):
            return reason
        (place,) = struct.unpack_from(order + layout.offset, data, start + count * size)
    return ""


def check_first_directory(data: bytes, start: int, count: int, layout: TiffLayout, pixels: int) -> str:
    """An entry has a tag, a type and a count, then its value where that is short enough."""
    entry = f"{layout.order}HH{layout.offset}"
    size = struct.calcsize(entry + layout.offset)
    sides: list[int] = []
    for place in range(start, min(start + count * size, len(data)), size):
        tag, kind, values = struct.unpack_from(entry, data, place)
        if tag in (TILE_WIDTH, TILE_LENGTH):
            if kind not in SIDE_TYPES or values != 1:
                return "states the size of its tiles in a way that TIFF does not have; save it again"
            sides.append(*struct.unpack_from(layout.order + SIDE_TYPES[kind], data, place + struct.calcsize(entry)))
        if tag in (STRIP_OFFSETS, TILE_OFFSETS) and values > MAX_STRIPS:
            return f"is cut into {values:,} pieces; save it with fewer, larger ones"
    if len(sides) >= 2 and max(sides) * sorted(sides)[-2] > pixels:
        return f"has tiles of {sides[0]:,}x{sides[1]:,} pixels; save it with smaller ones"
    return ""
