"""Edge pictures from photographs, for tasks such as edges -> shoes where the edges are derived on the fly.

The pix2pix paper uses HED, a network whose weights cannot be shipped. This is Canny's detector with the paper's clean-up:
components under five pixels are removed, and the result is black on white.
"""

import numpy as np

from diptych.errors import DiptychError
from diptych.pictures.kinds import RANGES, Stored

SMALLEST = 5  # pixels of a connected edge that is kept


def edges(picture: Stored) -> Stored:
    """(H, W, 1 or 3) to (H, W, 1) of the same depth: edges 0, paper white."""
    try:
        import cv2  # an extra
    except ImportError:
        raise DiptychError("data.task = \"edges\" needs OpenCV: pip install 'diptych[edges]'.") from None
    top = RANGES[str(picture.dtype)]
    eight_bit = np.ascontiguousarray(np.rint(picture.astype(np.float32) * (255 / top)).clip(0, 255).astype(np.uint8))
    grey = cv2.cvtColor(eight_bit, cv2.COLOR_RGB2GRAY) if eight_bit.shape[2] == 3 else eight_bit[..., 0]
    middle = float(np.median(grey))
    found = cv2.Canny(cv2.GaussianBlur(grey, (5, 5), 1.0), 0.4 * middle, 0.8 * middle + 20)
    _, labels, facts, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    kept = facts[:, cv2.CC_STAT_AREA] >= SMALLEST
    kept[0] = False  # the paper itself
    drawn = kept[labels]
    return np.where(drawn, 0, top).astype(picture.dtype)[..., None]
