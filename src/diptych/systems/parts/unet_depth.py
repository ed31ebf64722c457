"""How many levels a U-Net has for pictures of a size (Isola et al. 2017, section 6.1.1)."""

from diptych.errors import UsageError

LEVELS, INNERMOST = 5, 8
"""A U-Net of fewer levels needs innermost maps of at most so many pixels to relate all parts of a picture."""


def depth_for(size: tuple[int, int], wanted: int) -> int:
    """Levels for pictures of ``size`` (height, width): as published 8 for 256 and 7 for 128, never more than 8.

    Raises:
        UsageError: when the sides cannot be halved as often as wanted, or, where nothing is wanted, often enough.
    """
    deepest = min(side & -side for side in size).bit_length() - 1  # the power of two that divides both sides
    shown = f"{size[0]}x{size[1]}"
    if wanted and (wanted > deepest or wanted < 2):
        raise UsageError(
            f"options.depth is {wanted}: a U-Net halves both sides once for each of its two or more levels, and data.crop_size is "
            f"{shown}, which can be halved {deepest} times; choose another options.depth or a crop size such as 128 or 256."
        )
    depth = wanted or min(deepest, 8)
    if not wanted and (depth < 2 or (depth < LEVELS and min(size) >> depth > INNERMOST)):
        raise UsageError(
            f"data.crop_size is {shown}, whose sides a U-Net can halve only {deepest} times, which leaves it nearly blind to the whole "
            f"picture; choose a multiple of 32 such as 64, 96 or 128, or set options.depth."
        )
    return depth
