"""What is odd about one example that can be read."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from diptych.data.checks.compare import Problem
from diptych.data.picture_file import File
from diptych.data.settings import DataSettings
from diptych.pictures.kinds import RANGES, Kind, Stored
from diptych.pictures.resizing import resize

SAME = 1.0  # mean difference of two halves, in 8-bit levels, under which they are identical
FLAT = 0.5  # standard deviation, in 8-bit levels, under which a picture is constant
PALETTE_REACH = 25  # 8-bit distance in any channel within which a colour is a palette's
PALETTE_MISSED = 0.5  # share of a picture's pixels that no palette colour explains


def remarks(settings: DataSettings, path: File, pictures: Mapping[str, Stored]) -> list[Problem]:
    """What is odd about an example that can be read, of which there are a "source", a "target" or both."""
    problems = lossy_class_map(settings, path)
    for side, picture in pictures.items():
        problems += outside_range(getattr(settings, side), path, picture)
        if levels(picture).std(axis=(0, 1)).max() < FLAT:
            what = side if len(pictures) == 2 else "picture"
            words = f"{path}: its {what} is one colour only; remove it, unless that is meant."
            problems.append(Problem("constant", words))
    if len(pictures) < 2:
        return problems
    source, target = pictures["source"], pictures["target"]
    if source.shape == target.shape and np.abs(levels(source) - levels(target)).mean() < SAME:
        problems.append(Problem("halves identical", f"{path}: source and target are the same picture; replace one."))
    return problems + off_palette(settings, path, source)


def lossy_class_map(settings: DataSettings, path: File) -> list[Problem]:
    """JPEG keeps pictures about as they look, and a class number that is off by one is another class."""
    if settings.task != "labelled" or path.suffix.lower() not in (".jpg", ".jpeg"):
        return []
    return [
        Problem(
            "class map as JPEG",
            f"{path} is a JPEG, whose compression changes class numbers at every edge; save class maps as PNG from where "
            f"they were made.",
        )
    ]


def outside_range(kind: Kind, path: File, picture: Stored) -> list[Problem]:
    """Values that a stated range would clip, such as those that stand for "no data"."""
    if picture.dtype != kind.depth or kind.colour in ("labels", "holed"):
        return []
    low, high = kind.range
    outside = float(np.mean((picture < low) | (picture > high)))
    if not outside:
        return []
    return [
        Problem(
            "outside the range",
            f"{path}: {100 * outside:.2g} % of its values lie outside the stated range of {low:g} to {high:g} (they reach "
            f"from {picture.min():g} to {picture.max():g}) and would be clipped; state another low and high, or replace the "
            f"values that stand for no data.",
        )
    ]


def levels(picture: Stored) -> npt.NDArray[np.float32]:
    """Values as 8-bit levels, in float."""
    values: npt.NDArray[np.float32] = picture[::2, ::2].astype(np.float32) * np.float32(
        255 / RANGES[str(picture.dtype)]
    )
    return values


def eight_bit(picture: Stored) -> npt.NDArray[np.uint8]:
    shares = picture.astype(np.float32) / RANGES[str(picture.dtype)]
    values: npt.NDArray[np.uint8] = np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)
    return values


def colours(picture: Stored) -> int:
    """How many colours of 4 bits a channel a small nearest-neighbour copy has."""
    small = resize(eight_bit(picture), 64, 64, "nearest") >> 4
    return len(np.unique(small.reshape(-1, small.shape[2]), axis=0))


def off_palette(settings: DataSettings, path: File, source: Stored) -> list[Problem]:
    """Label colours that the palette of the recipe does not hold."""
    if not settings.palette or source.shape[2] != 3:
        return []
    pixels = eight_bit(source)[::2, ::2].reshape(-1, 3).astype(np.int16)
    known = np.array(settings.palette, dtype=np.int16)
    near = np.zeros(len(pixels), dtype=bool)
    for colour in known:
        near |= (np.abs(pixels - colour) <= PALETTE_REACH).all(axis=1)
    missed = 1 - near.mean()
    if missed <= PALETTE_MISSED:
        return []
    odd = Counter(map(tuple, (pixels[~near] // 16 * 16 + 8).tolist())).most_common(1)[0][0]
    return [
        Problem(
            "colours of no class",
            f"{path}: {100 * missed:.0f} % of its label pixels are far from every colour of data.palette (mostly near {odd}); "
            f"add the colour, correct the picture or data.direction, or leave palettes out with data.palette=[].",
        )
    ]
