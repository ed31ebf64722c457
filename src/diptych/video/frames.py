"""What every source of moving pictures gives: frames with their times, and the facts that a film of them keeps."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

from diptych.pictures.kinds import Stored

FILM_ENDINGS = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".wmv", ".flv", ".ogv", ".3gp", ".y4m",
})  # fmt: skip
"""Files that are read as films."""
WRITTEN_ENDINGS = (".mp4", ".mkv", ".webm")
"""Films that can be written."""
ANIMATED_ENDINGS = {".gif": 10, ".webp": 1}
"""Pictures that hold several frames, and the milliseconds in which they count."""


class Frame(NamedTuple):
    """A frame, upright, and when it is shown."""

    picture: Stored
    start: int
    """In units of ``Facts.time_base``, from the beginning of the file."""
    duration: int
    """In the same units; 0 where the file does not say."""


class Colours(NamedTuple):
    """How a film's numbers stand for colours, in the code points of ITU-T H.273; range 1 is limited, 2 full."""

    range: int
    matrix: int
    primaries: int
    transfer: int


BT709 = Colours(1, 1, 1, 1)
BT601 = Colours(1, 6, 6, 6)


@dataclass(frozen=True)
class Facts:
    """What is known of a moving picture before its frames are read."""

    height: int
    """Of upright frames, as ``width``."""
    width: int
    rate: Fraction
    """Frames a second, on average."""
    time_base: Fraction
    """Seconds in a unit of time."""
    count: int = 0
    """Frames, as the file says; 0 = not known."""
    rotation: int = 0
    """Degrees, counter-clockwise, by which the stored frames are turned to stand upright; of 0, 90, 180, 270."""
    aspect: Fraction = Fraction(1)
    """Width of a stored pixel by its height."""
    colours: Colours = BT709

    def __post_init__(self) -> None:
        assert self.rate > 0
        assert self.time_base > 0


class Moving(Protocol):
    """A film, an animated picture, or a folder of frames."""

    facts: Facts
    problem: str
    """After the last frame: one sentence where there should have been more, else empty."""

    def frames(self, after: int | None = None) -> Iterator[Frame]:
        """The frames in order, those that start after ``after`` alone; they may be asked for again and again."""
        ...
