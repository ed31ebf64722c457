"""Colour profiles (ICC.1): conversion to sRGB in 8 bits, by Pillow's LittleCMS."""

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
"""8-bit levels by which the various profiles of sRGB differ from each other."""
LARGE = 2**20
"""Bytes from which a transform is not cached, since strangers may send any profile."""


def srgb_transform(profile: bytes, mode: str) -> "ImageCmsTransform | None":
    """The transform of Pillow's pictures of ``mode`` (L, RGB or CMYK) to sRGB as RGB.

    None where nothing is to be done: no profile, a damaged one, one for other modes, or sRGB itself.
    """
    if profile[16:20] != SPACES[mode]:
        return None
    return (build_transform if len(profile) > LARGE else cached_transform)(profile, mode)


def build_transform(profile: bytes, mode: str) -> "ImageCmsTransform | None":
    from PIL import ImageCms  # few pictures need it

    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(found, ImageCms.createProfile("sRGB"), mode, "RGB")
    except Exception:  # damaged profiles raise anything; the picture is read all the same
        return None
    return None if mode != "CMYK" and changes_little(transform, mode) else transform


cached_transform = lru_cache(maxsize=16)(build_transform)


def changes_little(transform: "ImageCmsTransform", mode: str) -> bool:
    """Tested on 16 levels of each channel, or all 256 of grey, since the names of profiles say nothing reliable."""
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
