"""Files that are not what they promise."""

import struct
import zlib

from diptych.pictures import codecs


def huge_png(width: int, height: int) -> bytes:
    """A PNG whose header promises many pixels, and which holds none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    return codecs.PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
