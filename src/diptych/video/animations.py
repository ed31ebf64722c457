"""Animated pictures (GIF, WebP) and folders of frames, by Pillow."""

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageSequence

from diptych.errors import DiptychError
from diptych.files import atomic_write
from diptych.pictures import formats
from diptych.pictures.kinds import Kind
from diptych.video.frames import Facts, Frame

MILLISECONDS = Fraction(1, 1000)
DEFAULT_DURATION = 100
"""Milliseconds of a frame that states none, as browsers show it."""
OPTIONS: dict[str, dict[str, Any]] = {
    ".gif": {"format": "GIF", "disposal": 1},
    ".webp": {"format": "WEBP", "quality": 90},
}


class Animation:
    """An animated picture, all of its frames."""

    def __init__(self, path: Path, kind: Kind) -> None:
        """Raises: DiptychError when it cannot be read, or has but one frame."""
        self.path, self.kind, self.problem = path, kind, ""
        header = formats.probe(path)
        if header.frames < 2:
            raise DiptychError(f"{path} has one frame; name a picture as --out, such as {path.stem}.png.")
        with formats.readable_errors(str(path)), Image.open(path) as picture:
            formats.refuse_huge(header, str(path))
            self.durations = [duration_of(frame) for frame in ImageSequence.Iterator(picture)]
            self.loop = picture.info.get("loop")
        total = sum(self.durations)
        self.facts = Facts(
            header.height, header.width, Fraction(1000 * header.frames, total), MILLISECONDS, header.frames
        )

    def frames(self, after: int | None = None) -> Iterator[Frame]:
        """The frames, each composed whole; opacity is laid on the Kind's background."""
        starts = itertools.accumulate(self.durations, initial=0)
        with formats.readable_errors(str(self.path)), Image.open(self.path) as picture:
            for frame, start, duration in zip(ImageSequence.Iterator(picture), starts, self.durations, strict=False):
                if after is None or start > after:
                    whole = frame.convert("RGBA" if frame.has_transparency_data else "RGB")
                    yield Frame(formats.from_pillow(whole, self.kind), start, duration)


def duration_of(frame: Image.Image) -> int:
    frame.load()  # a WebP tells it only then
    return round(frame.info.get("duration", 0)) or DEFAULT_DURATION


class Folder:
    """The pictures of a folder as frames, in the natural order of their names."""

    def __init__(self, folder: Path, kind: Kind, rate: Fraction) -> None:
        """Raises: DiptychError when there is no picture, or the first cannot be read."""
        self.folder, self.kind, self.problem = folder, kind, ""
        self.paths = formats.list_pictures(folder)
        if not self.paths:
            raise DiptychError(f"there is no picture in {folder}; name a folder of frames.")
        first = formats.probe(self.paths[0])
        self.facts = Facts(first.height, first.width, rate, 1 / rate, len(self.paths))

    def frames(self, after: int | None = None) -> Iterator[Frame]:
        """The frames; all must have one size.

        Raises:
            DiptychError: when one cannot be read, or has another size than the first.
        """
        size = (self.facts.height, self.facts.width)
        for place, path in enumerate(self.paths):
            if after is None or place > after:
                picture = formats.read(path, self.kind)
                if picture.shape[:2] != size:
                    raise DiptychError(
                        f"{path} is {picture.shape[1]}x{picture.shape[0]} and {self.paths[0]} is {size[1]}x{size[0]}; frames of "
                        "a film have one size, so give an --out folder, or resize them."
                    )
                yield Frame(picture, place, 1)


def write_animation(out: Path, frames: Iterable[tuple[npt.NDArray[np.uint8], int]], loop: int | None = 0) -> None:
    """Write (height, width, 3) frames, each for so many milliseconds; Pillow holds all of them until the end.

    Args:
        loop: how often it plays; 0 = for ever, None = once.

    Raises:
        DiptychError: when it cannot be written.
    """
    pictures, durations = zip(*((Image.fromarray(rgb), duration) for rgb, duration in frames), strict=True)
    options = OPTIONS[out.suffix.lower()]
    if loop is not None or options["format"] != "GIF":  # a GIF plays once where it says nothing
        options = options | {"loop": 1 if loop is None else loop}
    with atomic_write(out) as beside:
        pictures[0].save(beside, save_all=True, append_images=pictures[1:], duration=list(durations), **options)
