"""Films, animated pictures and folders of frames in their order, made by any tool: judged frame by frame, with their flicker."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.flicker import FLOW
from diptych.evaluation.metrics import RANGES, Example, as_rgb
from diptych.evaluation.pictures import example_of, size_of
from diptych.evaluation.requirements import Resources
from diptych.judging.subjects import Subject
from diptych.pictures.kinds import Kind, Stored
from diptych.video.animations import Animation, Folder
from diptych.video.films import Film
from diptych.video.frames import FILM_ENDINGS, Frame, Moving

KIND = Kind()


class Numbered:
    """The frames of a moving picture by their number; the next after the last is at hand, others are gone back for."""

    def __init__(self, place: Path) -> None:
        """Raises: DiptychError when it cannot be read."""
        self.moving = open_sequence(place)
        self.starts = [frame.start for frame in self.moving.frames()]
        if self.moving.problem:
            raise DiptychError(self.moving.problem.replace("what there is was translated", "so it cannot be judged"))
        self.walk: Iterator[Frame] = iter(())
        self.next = -1
        self.last: tuple[int, Stored | None] = (-1, None)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, number: int) -> Stored:
        """8-bit RGB, (H, W, 3)."""
        place, picture = self.last
        if place == number and picture is not None:
            return picture
        if number != self.next:
            self.walk = self.moving.frames(self.starts[number - 1] if number else None)
        picture = next(self.walk).picture
        self.next, self.last = number + 1, (number, picture)
        return picture


def open_sequence(place: Path) -> Moving:
    if place.is_dir():
        return Folder(place, KIND, Fraction(25))
    return Film(place, KIND) if place.suffix.lower() in FILM_ENDINGS else Animation(place, KIND)


def from_sequences(outputs: Path, sources: Path | None, targets: Path | None, limit: int) -> Subject:
    """Outputs in their order, with what they were made from and what they should be; matched by number.

    Args:
        limit: the first so many frames; 0 = all.

    Raises:
        DiptychError: when one cannot be read or breaks off, or they have different numbers of frames or sizes.
    """
    made = Numbered(outputs)
    others = {
        name: Numbered(place) for name, place in (("sources", sources), ("targets", targets)) if place is not None
    }
    for name, other in others.items():
        if len(other) != len(made):
            place = sources if name == "sources" else targets
            raise DiptychError(
                f"{outputs} has {len(made)} frames and {place} has {len(other)}; --{name} has as many as --outputs."
            )
    count = min(limit or len(made), len(made))

    def read(number: int) -> Example:
        output = tensor(made[number])
        target = tensor(others["targets"][number]) if targets is not None else None
        if target is not None and target.shape != output.shape:
            raise DiptychError(
                f"{outputs} is {size_of(output)} and {targets} is {size_of(target)}; bring both to one size."
            )
        seen = as_rgb(others["sources"][number]) if sources is not None else None
        return example_of(f"{number:06}", KIND, output, target, source_rgb=seen)

    height, width = made[0].shape[:2]
    protocol = {
        "data": str(targets or sources or ""),
        "split": "",
        "pictures": count,
        "size": f"{width}x{height}",
        "resize": "none",
        "direction": "",
        "task": "frames",
        "target": KIND.as_dict(),
        "range": RANGES,
        "flow": f"{FLOW}, of {'targets' if targets is not None else 'sources' if sources is not None else 'outputs'}",
    }
    paired = targets is not None
    resources = Resources(paired=paired, targets=paired, pictures=count, side=min(height, width), sequence=True)
    return Subject(outputs.name, count, read, resources, protocol)


def tensor(picture: Stored) -> Tensor:
    return KIND.to_tensor(picture)[None]
