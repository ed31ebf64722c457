"""What pictures show of how they belong together: a seam between two halves, the plainer of two sides, numbers of classes."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Literal

import numpy as np

from diptych.data.checks.examine import eight_bit, num_colours
from diptych.data.entries import File, read
from diptych.errors import DiptychError
from diptych.pictures.depths import RANGES
from diptych.pictures.kinds import Kind, Stored

OPENED = 24  # pictures whose pixels are looked at
JPEG = (".jpg", ".jpeg")
SEAM = 3.0  # times the change between other columns that the middle of a side-by-side pair must show
PLAIN = 2.0  # 8-bit levels of change under which the middle tells nothing, as two white margins
MOSTLY = 0.9  # share of the sample that must agree
FEWEST = 8  # pictures by which the plainer side is told
FEWER_COLOURS = 5.0  # times, from which a side is plainer: JPEG gives coloured class maps up to 4 times those of photos
LESS_DETAIL = 1.25  # times, the same
DETAIL = 6  # 8-bit levels by which neighbouring pixels differ where there is detail
ROWS = 256  # of a picture that are looked at, about
FLAT = 0.8  # share of neighbouring pixels of a class map that are equal
HIGHEST, SURE = 200, 64  # a class map's highest number; from the second on, half of the numbers must occur


def thin(picture: Stored) -> Stored:
    """Rows spread evenly over a picture, which tell of it what is asked here; a copy, so that large pictures are let go."""
    return picture[:: max(1, picture.shape[0] // ROWS)].copy()


def seam(picture: Stored) -> bool | None:
    """Whether the middle columns differ far more than others near them; None where all is plain there."""
    grey = eight_bit(picture).astype(np.float32).mean(axis=2)
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    middle = picture.shape[1] // 2 - 1
    around = float(np.median(np.delete(steps, middle)[max(0, middle - 32) : middle + 32])) if len(steps) > 1 else 0.0
    change = float(steps[middle]) if len(steps) > middle >= 0 else 0.0
    if max(around, change) < PLAIN:
        return None
    return change > SEAM * around


def plainer_side(pairs: Sequence[tuple[Stored, Stored]]) -> tuple[Literal["", "a", "b"], str]:
    """The side that has far fewer colours than the other in nearly all of the sample, or less detail; and how that is said."""
    if len(pairs) < FEWEST:
        return "", ""
    for measure, what, least in ((num_colours, "fewer colours", FEWER_COLOURS), (detail, "less detail", LESS_DETAIL)):
        ratios = [float(np.log(measure(one) / measure(other))) for one, other in pairs]
        middle = median(ratios)
        if abs(middle) >= np.log(least) and np.mean([ratio * middle > 0 for ratio in ratios]) >= MOSTLY:
            return "b" if middle > 0 else "a", f"{np.exp(abs(middle)):.1f} times {what}"
    return "", ""


def detail(picture: Stored) -> float:
    """The share of neighbouring pixels that differ clearly, above 0."""
    change = np.abs(np.diff(eight_bit(picture).astype(np.int16), axis=1)).max(axis=2)
    return float((change > DETAIL).mean()) + 1e-3


def class_numbers(files: Sequence[File]) -> tuple[int, ...]:
    """The numbers in class maps; empty where the files are no class maps."""
    first = files[:: max(1, len(files) // OPENED)]
    numbers: Counter[int] = Counter()
    for looked_at in (first, files):
        for file in looked_at:
            if file.suffix.lower() in JPEG:
                return ()
            try:
                values = read(file, Kind(colour="labels", classes=65535, depth="uint16"))[..., 0]
            except DiptychError:  # colours, or damaged: in the first case the first file tells
                if not numbers:
                    return ()
                continue
            if looked_at is first and np.mean(values[:, 1:] == values[:, :-1]) < FLAT:
                return ()
            numbers.update(map(int, np.unique(values)))
        own = numbers.keys() - {int(RANGES["uint8"]), int(RANGES["uint16"])}  # which may stand for no class
        highest = max(own, default=0)
        if not (0 < highest < HIGHEST and (highest < SURE or 2 * len(own) > highest)):
            return ()  # shades of grey
    return tuple(sorted(numbers))
