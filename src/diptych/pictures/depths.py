"""Depths: the numbers that pixels of a file may be.

Unsigned integers and floats have a natural range, black to white. Signed integers hold measured values, such as
Hounsfield units: they have none, a Kind states it, and they are never scaled to another depth.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Depth = Literal["uint8", "uint16", "int8", "int16", "int32", "float32", "float64"]
RANGES = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0, "float64": 1.0}
"""The highest value of each depth where a Kind states no range; the lowest is 0."""
SIGNED = ("int8", "int16", "int32")
FLOATS = ("float32", "float64")
LIMITS = {depth: (float(np.iinfo(depth).min), float(np.iinfo(depth).max)) for depth in ("uint8", "uint16", *SIGNED)}
"""The lowest and the highest value that an integer depth can hold."""
EXACT_IN_FLOAT32 = 2**24
"""float32 holds every whole number up to this one."""
WIDE = ("int32", "float64")
"""Depths with values that float32 cannot hold exactly."""


def is_float(depth: Any) -> bool:
    return bool(np.dtype(depth).kind == "f")


def work_depth(depth: Any) -> type[np.floating[Any]]:
    """In what values of a depth are computed without loss."""
    return np.float64 if str(depth) in WIDE else np.float32


def rounded(values: npt.NDArray[Any], depth: Any) -> npt.NDArray[Any]:
    """Floats as a depth: rounded to the nearest whole number and clipped to what the depth holds, or cast."""
    if not is_float(depth):
        values = np.clip(np.rint(values), *LIMITS[str(depth)])
    return values.astype(depth)


def shown(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values as shares of black to white, float32, for what only looks at a picture.

    Of signed integers, which state no range themselves, from the lowest to the highest value of this picture.
    """
    if str(pixels.dtype) in RANGES:
        return pixels.astype(np.float32) / np.float32(RANGES[str(pixels.dtype)])
    low, high = float(pixels.min()), float(pixels.max())
    shares = (pixels.astype(np.float64) - low) / max(high - low, 1.0)
    return shares.astype(np.float32)
