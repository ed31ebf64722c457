"""Pixels without data. A picture that has some is an array of floats with NaN there, whatever the depth of its Kind."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from diptych.pictures.depths import is_float, rounded, work_depth

if TYPE_CHECKING:
    from diptych.pictures.kinds import Kind, Stored

Missing = npt.NDArray[np.bool_]
"""(H, W): True where there is no data."""


def missing_in(picture: "Stored") -> Missing | None:
    """Where any channel is NaN; None where none is."""
    if not is_float(picture.dtype):
        return None
    found: Missing = np.any(np.isnan(picture), axis=2)
    return found if found.any() else None


def equal_to(pixels: npt.NDArray[Any], nodata: float, colour: str) -> Missing:
    """Where a picture holds its value for no data: of RGB in all three channels, else in any."""
    same: Missing = np.equal(pixels, nodata)
    together = np.all if colour == "rgb" and same.shape[2] == 3 else np.any
    found: Missing = together(same, axis=2)
    return found


def with_missing(picture: "Stored", missing: Missing | None, kind: "Kind") -> "Stored":
    """The picture with NaN there, as floats that hold its other values exactly."""
    if missing is None or not missing.any():
        return picture
    found: Stored = picture.astype(work_depth(kind.depth))
    found[missing] = np.nan
    return found


def neutral(pixels: npt.NDArray[Any], missing: Missing) -> npt.NDArray[Any]:
    """A copy with the lowest value of the other pixels in place of what is missing; 0 where nothing is left."""
    found = pixels.copy()
    found[missing] = pixels[~missing].min() if not missing.all() else 0
    return found


def without_gaps(picture: "Stored", kind: "Kind") -> "Stored":
    """The picture in its Kind's depth, with the middle of the range where there is no data."""
    if (missing := missing_in(picture)) is None:
        return picture
    low, high = kind.range
    middle = (low * high) ** 0.5 if kind.scale == "logarithmic" else (low + high) / 2
    return rounded(np.where(missing[..., None], middle, picture), kind.depth)


def with_nodata(result: "Stored", missing: Missing | None, kind: "Kind") -> "Stored":
    """A result with its Kind's value for no data where ``missing``, and nowhere else.

    A value that happens to be that number moves by the least step, as in GDAL, so that it still counts as data.
    """
    if isinstance(kind.nodata, str):
        if kind.has_gaps and missing is not None:
            result = result.copy()
            result[missing] = np.nan
        return result
    same = equal_to(result, kind.nodata, kind.colour)
    if not same.any() and missing is None:
        return result
    result, value = result.copy(), result.dtype.type(kind.nodata)
    inward = -1 if value >= kind.range[1] else 1
    near = np.nextafter(value, value.dtype.type(inward * np.inf)) if is_float(value.dtype) else kind.nodata + inward
    result[same] = np.where(result[same] == value, near, result[same])
    if missing is not None:
        result[missing] = value
    return result
