"""Optical flow by OpenCV's DIS, what it moves where, and where it can be trusted.

DIS: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016. The check of both directions: Sundaram et al.,
"Dense Point Trajectories by GPU-accelerated Large Displacement Optical Flow", ECCV 2010, equation 5.
"""

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from diptych.machine.runtimes import required_package

LONGEST = 640
"""A longer side is halved, and so on, before its flow is found; the flow is then enlarged."""
PRESET = "fast"
RELATIVE, ABSOLUTE = 0.01, 0.5
"""Of equation 5: how far forward and backward flow may disagree, in squared pixels."""
Grey = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]
"""(height, width, 2): from each pixel, by how many pixels to the right and down."""


class Motion(NamedTuple):
    """How one frame came from the one before."""

    back: Vectors
    """From each pixel of this frame to its place in the one before."""
    known: npt.NDArray[np.bool_]
    """(height, width): where both directions agree, so that the pixel was there before."""


@cache
def cv2() -> Any:
    """OpenCV.

    Raises:
        DiptychError: when it is not installed.
    """
    with required_package("OpenCV", "a film"):
        return import_module("cv2")


@cache
def finder() -> Any:
    presets = {"fast": cv2().DISOPTICAL_FLOW_PRESET_FAST, "medium": cv2().DISOPTICAL_FLOW_PRESET_MEDIUM}
    return cv2().DISOpticalFlow_create(presets[PRESET])


def grey_of(rgb: npt.NDArray[np.uint8]) -> Grey:
    """(height, width, 3) to (height, width), as the flow takes it."""
    found: Grey = cv2().cvtColor(np.ascontiguousarray(rgb), cv2().COLOR_RGB2GRAY)
    return found


def flow(one: Grey, other: Grey) -> Vectors:
    """From each pixel of ``one`` to its place in ``other``; both of one size."""
    height, width = one.shape
    factor = 1
    while max(height, width) / factor > LONGEST:
        factor *= 2
    if factor == 1 and min(height, width) >= 16:
        found: Vectors = finder().calc(one, other, None)
        return found
    small = (max(16, width // factor), max(16, height // factor))
    shrunk = [cv2().resize(grey, small, interpolation=cv2().INTER_AREA) for grey in (one, other)]
    vectors = cv2().resize(finder().calc(*shrunk, None), (width, height), interpolation=cv2().INTER_LINEAR)
    scaled: Vectors = vectors * np.array([width / small[0], height / small[1]], dtype=np.float32)
    return scaled


def warp(picture: npt.NDArray[Any], vectors: Vectors, smooth: bool = False) -> npt.NDArray[Any]:
    """Each pixel from where its vector points in ``picture``, (height, width) or with channels after.

    Bilinear, or bicubic where ``smooth``; places outside take the nearest edge.
    """
    height, width = vectors.shape[:2]
    across = vectors[..., 0] + np.arange(width, dtype=np.float32)
    down = vectors[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    method = cv2().INTER_CUBIC if smooth else cv2().INTER_LINEAR
    found: npt.NDArray[Any] = cv2().remap(picture, across, down, method, borderMode=cv2().BORDER_REPLICATE)
    return found.reshape(*found.shape[:2], *picture.shape[2:])


def motion(before: Grey, now: Grey) -> Motion:
    """The flow from this frame back to the one before, and where it can be trusted."""
    back, forth = flow(now, before), flow(before, now)
    returned = warp(forth, back)
    error = np.square(back + returned).sum(axis=2)
    allowed = RELATIVE * (np.square(back).sum(axis=2) + np.square(returned).sum(axis=2)) + ABSOLUTE
    height, width = now.shape
    x = back[..., 0] + np.arange(width, dtype=np.float32)
    y = back[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return Motion(back, (error <= allowed) & inside)
