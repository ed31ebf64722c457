"""Whether partners lie on each other: the shift of each pair, by phase correlation of their edges.

Edges are gradients of doubled angle, g^2 / |g|^1.5, so that light on dark is an edge like dark on light and partners may
differ in contrast, as class maps and photos do. Strong edges count little more than weak ones.
"""

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from diptych.data.checks.set_warnings import Finding
from diptych.pictures.depths import shown
from diptych.pictures.kinds import Stored
from diptych.pictures.values.missing import Missing

SIDE = 512  # of the middle part of a pair that is compared
AGREEING = 0.2  # correlation of the edges under which the partners are too unlike; unrelated facades reach 0.26, and mostly 0.13
APART, IN_AGREEMENT = 3.0, 2  # a shift counts where so many halves of four have it to so many pixels
NOTED = 1.5  # pixels of mean shift from which it is a finding
FEWEST = 4  # pairs from which a mean is told
GAP = 4  # pixels beside a gap whose edges are the gap's own
Shift = tuple[float, float]
"""Rows and columns by which the target must be moved to lie on its source."""


def measurable() -> bool:
    return find_spec("skimage") is not None


def shift_between(source: Stored, target: Stored, missing: Missing | None = None) -> Shift | None:
    """To a tenth of a pixel; None where their edges do not agree, or where the halves of the pair have shifts of their own.

    Smooth pictures, such as rasters of temperature, have edges so wide that the best shift is one by chance: then the halves
    contradict the whole.

    Args:
        source, target: of one size, any channels and depths.
        missing: where there is no data.
    """
    whole = correlated(source, target, missing)
    if whole is None:
        return None
    found = [
        correlated(source[part], target[part], None if missing is None else missing[part])
        for part in halves(source.shape[0], source.shape[1])
    ]
    near = [one for one in found if one is not None and np.hypot(*np.subtract(one, whole)) <= APART]
    return whole if len(near) >= IN_AGREEMENT else None


def halves(height: int, width: int) -> list[tuple[slice, slice]]:
    """The upper, the lower, the left and the right one."""
    rows, columns, whole = height // 2, width // 2, slice(None)
    return [
        (slice(0, rows), whole),
        (slice(height - rows, height), whole),
        (whole, slice(0, columns)),
        (whole, slice(width - columns, width)),
    ]


def correlated(source: Stored, target: Stored, missing: Missing | None) -> Shift | None:
    """The shift at which their edges agree best; None where they do not."""
    from skimage.registration import phase_cross_correlation  # an extra

    height, width = (min(side, SIDE) for side in source.shape[:2])
    top, left = (source.shape[0] - height) // 2, (source.shape[1] - width) // 2
    part = slice(top, top + height), slice(left, left + width)
    window = np.outer(np.hanning(height), np.hanning(width))
    if missing is not None:
        from scipy.ndimage import binary_dilation  # comes with it

        window[binary_dilation(missing[part], iterations=GAP)] = 0
    one, other = (edges(picture[part]) * window for picture in (source, target))
    if not (one.any() and other.any()):
        return None
    shift, error, _ = phase_cross_correlation(one, other, upsample_factor=10, normalization=None)
    if np.sqrt(max(1 - float(error) ** 2, 0)) < AGREEING:
        return None
    return float(shift[0]), float(shift[1])


def edges(picture: Stored) -> npt.NDArray[np.complex128]:
    """(H, W): gradients at a deviation of one pixel, of doubled angle, with the root of their magnitude."""
    from scipy.ndimage import gaussian_filter

    grey = shown(picture).mean(axis=2)
    gradient = gaussian_filter(grey, 1, order=(0, 1)) + 1j * gaussian_filter(grey, 1, order=(1, 0))
    magnitude = np.abs(gradient)
    found: npt.NDArray[np.complex128] = np.divide(
        gradient**2, magnitude**1.5, out=np.zeros_like(gradient), where=magnitude > 1e-6
    )
    return found


def told(shifts: Sequence[Shift | None]) -> tuple[list[str], list[Finding]]:
    """A line on partners that fit, or a finding on those that do not; nothing of few pairs."""
    known = [np.hypot(*shift) for shift in shifts if shift is not None]
    if len(shifts) < FEWEST:
        return [], []
    if 2 * len(known) < len(shifts):
        return [
            f"Whether partners fit cannot be told: the edges of {len(shifts) - len(known)} of {len(shifts)} differ."
        ], []
    amount = f"{np.mean(known):.1f} px on average, up to {max(known):.1f} ({len(known)} pairs, by their edges)"
    if np.mean(known) < NOTED:
        return [f"Partners fit: they are shifted by {amount}."], []
    words = (
        f"partners are shifted by {amount}. What does not fit comes out blurred; align them, or train reggan or with "
        f"options.l1_pyramid."
    )
    return [], [Finding("partners shifted", words)]
