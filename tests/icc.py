"""ICC profiles written by hand (ICC.1:2001-04): three primaries and a curve, grey and a curve, or a table of inks."""

import struct
from collections.abc import Sequence

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
ADOBE_LIKE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""XYZ under D50 of the primaries of Adobe RGB (1998)."""
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))


def fixed(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def curve(values: Sequence[float] | float) -> bytes:
    """A gamma, or a table of values in [0, 1]."""
    numbers = [round(values * 256)] if isinstance(values, float) else [round(value * 65535) for value in values]
    return b"curv\0\0\0\0" + struct.pack(f">I{len(numbers)}H", len(numbers), *numbers)


def written(space: bytes, tags: dict[bytes, bytes], sort: bytes = b"mntr", between: bytes = b"XYZ ") -> bytes:
    words = b"made by hand"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(words) + 1) + words + b"\0" + bytes(12 + 67),
        b"cprt": b"text\0\0\0\0" + words + b"\0",
        b"wtpt": fixed(D50),
        **tags,
    }
    start, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"none", 0x02100000, sort, space, between)
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + fixed(D50)[8:]
    return head.ljust(128, b"\0") + table + body


def rgb_profile(primaries: Sequence[Sequence[float]], shape: Sequence[float] | float) -> bytes:
    colours = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(fixed, primaries), strict=True))
    return written(b"RGB ", colours | {name: curve(shape) for name in (b"rTRC", b"gTRC", b"bTRC")})


def grey_profile(shape: Sequence[float] | float) -> bytes:
    return written(b"GRAY", {b"kTRC": curve(shape)})


def ink_profile() -> bytes:
    """CMYK by a table of its 16 corners, in Lab of 8 bits: a press whose inks are paler than the plain formula has them."""
    ramp, identity = bytes(range(256)), struct.pack(">9i", *np.diag([65536] * 3).reshape(-1).tolist())
    corners = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    lightness = 95 * (1 - 0.8 * corners[:, 3]) * (1 - 0.25 * corners[:, :3].sum(axis=1))
    green_red, blue_yellow = corners[:, :3] @ [-35, 70, -5], corners[:, :3] @ [-50, -3, 90]
    table = np.stack([lightness * 2.55, green_red + 128, blue_yellow + 128], axis=1).round().astype(np.uint8)
    body = struct.pack(">4sI4B", b"mft1", 0, 4, 3, 2, 0) + identity + ramp * 4 + table.tobytes() + ramp * 3
    return written(b"CMYK", {b"A2B0": body}, b"prtr", b"Lab ")


shares = np.linspace(0, 1, 1024)
SRGB_CURVE: list[float] = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4).tolist()
ADOBE = rgb_profile(ADOBE_LIKE, 2.19921875)
OTHER_SRGB = rgb_profile(SRGB, SRGB_CURVE)
"""As cameras write it, with a table, where LittleCMS writes a formula."""
GREY_18 = grey_profile(1.8)
GREY_SRGB = grey_profile(SRGB_CURVE)
