"""The size at which a network sees a picture: the scale of training, the picture's own, or a stated one."""

import re
from typing import Any, Literal

from diptych.errors import UsageError

Fit = Literal["stretch", "shorter-side", "none"]
Exact = tuple[int, int] | Literal["own", "training"]
Size = Exact | int | str | None
"""As users state it: "own", "training", the side of a square, (height, width) or "HEIGHTxWIDTH"; None is the default."""


def resized_size(fit: Fit, height: int, width: int, size: tuple[int, int], least: tuple[int, int]) -> tuple[int, int]:
    """(height, width) to which a picture is resized, in training and wherever the scale of training is used.

    Args:
        fit: "stretch": to ``size``, whatever the proportions; "shorter-side": the shorter side to that of ``size``;
            "none": not at all. The last two keep the proportions, and are never under ``least`` in either direction.
        size: in training the load size, elsewhere the crop size.
        least: the crop size, which the result must contain.
    """
    if fit == "stretch":
        return size
    factor = 1.0 if fit == "none" else min(size) / min(height, width)
    factor = max(factor, least[0] / height, least[1] / width)
    return max(round(height * factor), least[0]), max(round(width * factor), least[1])


def parse_size(size: Size) -> Exact | None:
    """A size as users state it, as "own", "training", (height, width) or None.

    Raises:
        UsageError: for another word, or sides under 1.
    """
    if size is None:
        return None
    if size == "own" or size == "training":
        return "own" if size == "own" else "training"
    given: Any = size  # whatever a caller without types may write
    sides: list[Any]
    if isinstance(given, str):
        sides = [int(side) for side in given.split("x")] if re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9})?", given) else []
    else:
        sides = list(given) if isinstance(given, list | tuple) else [given]
    if len(sides) not in (1, 2) or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UsageError(f"the size is {size!r}; give own, training, a side such as 256, or HEIGHTxWIDTH.")
    return sides[0], sides[-1]


def size_text(size: Size) -> str:
    """The size for tables and file names: "own", "training", "256x512"; empty for None."""
    found = parse_size(size)
    return found if isinstance(found, str) else "x".join(map(str, found)) if found else ""
