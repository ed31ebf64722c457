"""Colour profiles (ICC.1): what stands in other colours is brought to sRGB, in 8 bits, by LittleCMS as Pillow has it."""

import io
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from diptych.pictures.kinds import Stored

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

SPACES = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}
"""Bytes 16 to 19 of the profiles that belong to pictures of these modes (ICC.1, 7.2.6)."""
NEAR = 2
"""8-bit levels by which the profiles of sRGB that are about differ from each other."""


LARGE = 2**20
"""Bytes from which a profile is not remembered: strangers may send any."""


def srgb_transform(profile: bytes, mode: str) -> "ImageCmsTransform | None":
    """From Pillow's pictures of ``mode``, L, RGB or CMYK, to sRGB as RGB.

    None where there is nothing to do: for no profile, a damaged one, one of other colours, and one of sRGB itself.
    """
    if profile[16:20] != SPACES[mode]:
        return None
    return (build_transform if len(profile) > LARGE else cached_transform)(profile, mode)


def build_transform(profile: bytes, mode: str) -> "ImageCmsTransform | None":
    from PIL import ImageCms  # which few pictures need

    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(found, ImageCms.createProfile("sRGB"), mode, "RGB")
    except Exception:  # damaged profiles throw anything, and do not spoil a picture
        return None
    return None if mode != "CMYK" and changes_little(transform, mode) else transform


cached_transform = lru_cache(maxsize=16)(build_transform)


def changes_little(transform: "ImageCmsTransform", mode: str) -> bool:
    """Looked up on 16 levels of each channel, or all 256 of grey: names of profiles tell nothing."""
    levels = np.arange(0, 256, 17 if mode == "RGB" else 1, dtype=np.uint8)
    colours = np.stack(np.meshgrid(*[levels] * len(mode), indexing="ij"), axis=-1).reshape(1, -1, len(mode))
    found = transform.apply(Image.fromarray(colours if mode == "RGB" else colours[..., 0]))
    return bool(np.abs(np.asarray(found, dtype=np.int16) - colours).max() <= NEAR)


def apply_transform(colours: Stored, transform: "ImageCmsTransform") -> Stored:
    """(H, W, 1 or 3), uint8, to the same in sRGB."""
    if colours.shape[2] == 3:
        return np.array(transform.apply(Image.fromarray(np.ascontiguousarray(colours))))
    table: Stored = np.asarray(transform.apply(Image.fromarray(np.arange(256, dtype=np.uint8)[None])))[0, :, 1]
    return table[colours]
