"""Resizing stored pictures."""

from importlib.util import find_spec
from typing import Literal

import numpy as np
from PIL import Image

from diptych.pictures.depths import WIDE, rounded
from diptych.pictures.kinds import Stored
from diptych.pictures.values.missing import missing_in

TORCH = find_spec("torch") is not None
Smooth = Literal["bicubic", "bilinear", "area"]
Filter = Smooth | Literal["nearest"]
PILLOW_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


def enlarge_nearest(picture: Stored, other: Stored) -> Stored:
    """A smaller picture enlarged to the size of ``other`` by repeating pixels, to be shown beside it."""
    factor = max(other.shape[0] // picture.shape[0], 1)
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def resize_part(
    picture: Stored, box: tuple[float, float, float, float], height: int, width: int, how: Filter
) -> Stored:
    """The part (left, top, right, bottom) of a picture, resized by Pillow in float; the filter sees what lies around it.

    Pixels without data, which are NaN, count for nothing. The result has none where they are more than half.
    """
    if (missing := missing_in(picture)) is not None:
        known = resize_part((~missing[..., None]).astype(np.float32), box, height, width, how)
        low = picture[~missing].min() if not missing.all() else 0
        values = resize_part(np.where(missing[..., None], 0, picture - low), box, height, width, how)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Stored = np.where(known < 0.5, np.nan, values / known + low).astype(picture.dtype)
        return found
    base = (
        picture.min() if str(picture.dtype) in WIDE else None
    )  # their differences fit into float32 better than they do
    values = picture if base is None else picture.astype(np.float64) - base
    channels = [
        np.asarray(Image.fromarray(channel).resize((width, height), PILLOW_FILTERS[how], box))
        for channel in np.moveaxis(values.astype(np.float32), 2, 0)
    ]
    smooth: Stored = np.stack(channels, axis=2)
    return rounded(smooth if base is None else smooth + np.float64(base), picture.dtype)


def resize(picture: Stored, height: int, width: int, how: Filter = "bicubic") -> Stored:
    """Resize with antialiasing, without starting threads.

    8-bit pictures go through torch's uint8 kernel, which equals Pillow's to one grey level and is twice as fast. Other
    depths go channel by channel through Pillow in float, and so does everything where torch is not installed.
    """
    if picture.shape[:2] == (height, width):
        return picture
    if picture.dtype == np.uint8 and how in ("bicubic", "bilinear") and TORCH:
        import torch  # imported here: serving exported files works without it
        from torch.nn import functional

        planes = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]  # channels last in memory
        sized = functional.interpolate(planes, (height, width), mode=how, antialias=True, align_corners=False)
        return np.ascontiguousarray(sized[0].permute(1, 2, 0).numpy())
    return resize_part(picture, (0, 0, picture.shape[1], picture.shape[0]), height, width, how)
