"""The [data] table of a recipe."""

from dataclasses import dataclass
from typing import Literal

from diptych.errors import UsageError
from diptych.images import Kind

Task = Literal["pairs", "unpaired", "edges", "greyscale", "colorization"]


@dataclass(frozen=True)
class DataSettings:
    """Which pictures, how they belong together, and what is drawn from them for training."""

    folder: str = ""  # a path, or the name of a prepared set such as "openmoji"
    task: Task = "pairs"  # edges, greyscale and colorization derive the source from the target
    layout: Literal["auto", "side-by-side", "folders"] = "auto"
    direction: Literal["a-to-b", "b-to-a"] = "a-to-b"
    source_folders: tuple[str, ...] = ()  # stacked as channels, matched by name; empty = recognised
    target_folder: str = ""  # empty = recognised
    source: Kind = Kind()
    target: Kind = Kind()
    load_size: int | tuple[int, int] = 286  # side, or (height, width), to which pictures are resized
    crop_size: int | tuple[int, int] = 256  # of the random crop that networks see
    fit: Literal["stretch", "shorter-side", "none"] = "stretch"  # how a picture comes to its load size
    filter: Literal["bicubic", "bilinear", "area"] = "bicubic"
    mirror: bool = True  # left and right, with probability 0.5
    validation_share: float = 0.1  # where the folder has no split of its own
    cache_gib: float = 2.0  # memory for decoded pictures
    workers: int = 2  # threads that read ahead

    def __post_init__(self) -> None:
        load, crop = as_size(self.load_size), as_size(self.crop_size)
        if min(load + crop) < 1:
            raise UsageError("data.load_size and data.crop_size must be at least 1.")
        if self.fit == "stretch" and (load[0] < crop[0] or load[1] < crop[1]):
            raise UsageError(
                f"data.load_size ({load[0]}x{load[1]}) is smaller than data.crop_size ({crop[0]}x{crop[1]})."
            )
        if not 0 < self.validation_share < 1:
            raise UsageError(f"data.validation_share is {self.validation_share}; it must lie between 0 and 1.")
        if self.workers < 0 or self.cache_gib < 0:
            raise UsageError("data.workers and data.cache_gib may not be negative.")
        self.check_kinds()

    def check_kinds(self) -> None:
        wanted = {"colorization": ("lightness", "chroma"), "greyscale": ("grey", ""), "edges": ("grey", "")}
        for side, colour in zip(("source", "target"), wanted.get(self.task, ("", "")), strict=True):
            found = getattr(self, side).colour
            if colour and found != colour:
                raise UsageError(
                    f'data.task = "{self.task}" needs data.{side} = {{ colour = "{colour}" }}, and it is "{found}".'
                )
        if self.task != "pairs" and self.task != "unpaired" and self.source.depth != self.target.depth:
            raise UsageError(f'data.task = "{self.task}" derives the source from the target: give both the same depth.')


def as_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a size that may be one number for a square."""
    return (size, size) if isinstance(size, int) else size
