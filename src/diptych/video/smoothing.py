"""Temporal smoothing: each translated frame is blended with the one before, moved along the flow of the sources.

A recursive filter along the trajectories of the source film. Where the flow is not trusted (what comes into view, a cut), or where
the source itself has changed, the frame stays as it was translated.
"""

import numpy as np
import numpy.typing as npt

from diptych.pictures.kinds import Stored
from diptych.video.flow import Motion, cv2, grey_of, motion, warp
from diptych.video.segments import Carried

TOLERANCE, BLUR = 24.0, 2.0
"""Grey levels by which the source, blurred by so many pixels, may differ from its moved self: at this the share is down to 1/e.
Unblurred, lines that jump by a pixel, as those of an edge detector do, would be taken for changes."""
SOFTEN = 5
"""Side, in pixels, of the Gaussian that softens the edges of what is trusted."""


class Smoother:
    """Blends frame after frame."""

    def __init__(self, share: float, limits: tuple[float, float]) -> None:
        """Args: share: of the frame before, 0 <= share < 1. limits: lowest and highest value of a stored result."""
        self.share, self.limits = share, limits
        self.grey: npt.NDArray[np.uint8] | None = None
        self.blended: npt.NDArray[np.float32] | None = None

    def next(self, source: npt.NDArray[np.uint8], result: Stored) -> Stored:
        """The blended result.

        Args:
            source: (height, width, 3), what was translated, as it is looked at.
            result: (height, width, channels), of the source's size or a multiple.
        """
        height, width = result.shape[:2]
        grey = grey_of(source)
        if grey.shape != (height, width):
            grey = cv2().resize(grey, (width, height), interpolation=cv2().INTER_CUBIC)
        new = result.astype(np.float32)
        if self.grey is not None and self.blended is not None and self.blended.shape == new.shape:
            found = motion(self.grey, grey)
            share = self.share * trust(self.grey, grey, found)[..., None]
            new += share * (warp(self.blended, found.back, smooth=True) - new)
            new = np.clip(new, *self.limits)
        self.grey, self.blended = grey, new
        whole = np.issubdtype(result.dtype, np.integer)
        return (np.rint(new) if whole else new).astype(result.dtype)

    def carried(self) -> Carried:
        """What the next frame needs of those before."""
        return {} if self.grey is None or self.blended is None else {"grey": self.grey, "blended": self.blended}

    def restore(self, carried: Carried) -> None:
        """Go on where another left off."""
        self.grey, self.blended = carried.get("grey"), carried.get("blended")


def trust(before: npt.NDArray[np.uint8], now: npt.NDArray[np.uint8], found: Motion) -> npt.NDArray[np.float32]:
    """How far the pixel of the frame before is the same thing, (height, width) in [0, 1]."""
    one, other = (cv2().GaussianBlur(grey.astype(np.float32), (0, 0), BLUR) for grey in (now, before))
    difference = one - warp(other, found.back)
    known = cv2().GaussianBlur(found.known.astype(np.float32), (SOFTEN, SOFTEN), 0) * found.known
    trusted: npt.NDArray[np.float32] = known * np.exp(-np.square(difference / TOLERANCE))
    return trusted
