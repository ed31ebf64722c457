"""The [data] table of a recipe."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from diptych.data.augment import Augment
from diptych.errors import DiptychError, UsageError
from diptych.files import expand_user
from diptych.pictures.kinds import Kind
from diptych.pictures.resizing import Smooth
from diptych.pictures.sizes import Fit
from diptych.registry import Names, Table
from diptych.volumes.geometry import Plane

Task = Literal["pairs", "unpaired", "labelled", "edges", "greyscale", "colorization", "holed", "shrunk"]
OF_TWO = ("pairs", "unpaired", "labelled")
"""Tasks whose source and target are both files; the others derive the source from the target."""
LAYOUTS: Table[Callable[[Path], Any]] = Table("layout", {})
"""Layouts that users' code registers; ours are recognised in ``layouts.py``."""
LayoutName = Annotated[str, Names(LAYOUTS, "auto", "side-by-side", "folders")]


@dataclass(frozen=True)
class DataSettings:
    """Which pictures, how they belong together, and what is drawn from them for training."""

    folder: str = ""  # where the pictures are: a path, or the name of a prepared set such as "openmoji"
    task: Task = "pairs"  # what belongs together; labelled: class maps; from edges on the source is derived
    layout: LayoutName = "auto"  # how files belong together; auto: recognised by names
    direction: Literal["a-to-b", "b-to-a"] = "a-to-b"  # which of the two sides is the source
    source_folders: tuple[str, ...] = ()  # folders of sources, stacked as channels by name; empty = recognised
    target_folder: str = ""  # folder of targets; empty = recognised
    source: Kind = Kind()  # what the sources are: colour, depth, value range (keys below)
    target: Kind = Kind()  # what the targets are: colour, depth, value range (keys below)
    palette: tuple[tuple[int, int, int], ...] = ()  # 8-bit colours of a label source, by which it is checked
    factor: int = 4  # of the task shrunk: how many times larger the target is than the source
    hole: Literal["centre", "squares", "strokes", "files"] = "centre"  # shape of holes, of the task holed
    hole_share: float = 0.25  # share of the picture that the hole takes, about
    mask_folder: str = ""  # of hole = "files": a folder of pictures, white where the hole is
    valid_folder: str = ""  # of pairs: a folder of masks by the pictures' names, white where there is data
    slices: int = 0  # of volumes: neighbouring slices that make a source, odd (1 = 2D, 3 = 2.5D); 0 = plain pictures
    axis: Plane = "axial"  # of volumes: which slices are taken
    volume_masks: str = (
        ""  # of volumes: a folder of masks by name, or in patients' folders a file; crops are drawn inside
    )
    load_size: int | tuple[int, int] = 286  # side, or (height, width), to which pictures are resized
    crop_size: int | tuple[int, int] = 256  # side, or (height, width), of the random crop that networks see
    fit: Fit = "stretch"  # how a picture comes to its load size: stretched, in its shape, or not resized (none)
    filter: Smooth = "bicubic"  # resampling filter, antialiased
    mirror: bool = True  # crops are mirrored left to right, with probability 0.5
    augment: Augment = Augment()  # how else training pictures are changed (keys below)
    validation_share: float = 0.1  # share of the pictures held out, where the folder has no split of its own
    cache_gib: float = 2.0  # memory for decoded pictures, in GiB
    resident: Literal["auto", "on", "off"] = "auto"  # pictures stay on the device and are cropped there; auto: on GPUs
    shuffle_window: int = 0  # of shards: how many are shuffled together; 0 = all
    shard_cache_gib: float = 20.0  # disk for shards that come from a server, in GiB
    workers: int = -1  # threads that read ahead; -1 = half of the cores, from 2 to 8

    def __post_init__(self) -> None:
        load, crop = as_size(self.load_size), as_size(self.crop_size)
        if min(load + crop) < 1:
            raise UsageError("data.load_size and data.crop_size must be at least 1.")
        if self.fit == "stretch" and (load[0] < crop[0] or load[1] < crop[1]):
            raise UsageError(
                f"data.load_size ({load[0]}x{load[1]}) is smaller than data.crop_size ({crop[0]}x{crop[1]})."
            )
        if not 0 < self.hole_share < 1 or self.factor < 2:
            raise UsageError("data.hole_share must lie between 0 and 1, and data.factor must be 2 or more.")
        if (self.hole == "files") != bool(self.mask_folder):
            raise UsageError('data.hole = "files" and data.mask_folder go together; set both.')
        if self.task == "shrunk" and any(side % self.factor for side in crop):
            raise UsageError(f"data.crop_size ({crop[0]}x{crop[1]}) must be divisible by data.factor ({self.factor}).")
        if not 0 < self.validation_share < 1:
            raise UsageError(f"data.validation_share is {self.validation_share}; it must lie between 0 and 1.")
        if self.shuffle_window < 0 or not 0 < self.shard_cache_gib < math.inf:
            raise UsageError("data.shuffle_window must be 0 or more, and data.shard_cache_gib more than 0 and finite.")
        if self.workers < -1 or not 0 <= self.cache_gib < math.inf:
            raise UsageError("data.workers must be -1 or more, and data.cache_gib 0 or more and finite.")
        if odd := [colour for colour in self.palette if min(colour) < 0 or max(colour) > 255]:
            raise UsageError(f"data.palette holds {odd[0]}; its colours are 8-bit RGB, 0 to 255.")
        if self.augment.moves and self.task == "shrunk":
            raise UsageError(
                'data.augment does not go with data.task = "shrunk", whose small pictures are of whole pixels.'
            )
        if self.augment.colour and self.task != "pairs":
            raise UsageError(
                f'data.augment.colour changes the source alone, and with data.task = "{self.task}" the source is no photo of its own; '
                f"set it to 0."
            )
        self.check_folders()
        self.check_volumes()
        self.check_kinds()

    def check_volumes(self) -> None:
        """Set the Kinds of slices; UsageError for what does not go with them."""
        if not self.slices:
            if self.axis != "axial" or self.volume_masks:
                raise UsageError("data.axis and data.volume_masks are for volumes; set data.slices to 1, 3 or more.")
            return
        if self.slices < 0 or self.slices % 2 == 0:
            raise UsageError(
                f"data.slices is {self.slices}; give an odd number, such as 3 for a slice and its two neighbours."
            )
        if self.task not in ("pairs", "unpaired") or self.layout != "auto":
            raise UsageError('data.slices goes with data.task = "pairs" or "unpaired", and with data.layout = "auto".')
        if self.volume_masks and self.task != "pairs":
            raise UsageError('data.volume_masks goes with data.task = "pairs".')
        count = self.slices * max(1, len(self.source_folders))
        for side, number in (("source", count), ("target", 1)):
            kind: Kind = getattr(self, side)
            wanted = {"colour": "grey"} if number == 1 else {"colour": "slices", "channels": number}
            if kind.colour not in ("rgb", "grey", "slices"):
                raise UsageError(
                    f'data.{side} is "{kind.colour}", and slices are of one value a voxel; leave its colour away.'
                )
            object.__setattr__(self, side, replace(kind, **{"channels": 0} | wanted))

    def check_folders(self) -> None:
        """Refuse folders that would be ignored silently."""
        derived = self.task not in OF_TWO
        if derived and self.source_folders and self.task != "shrunk":
            raise UsageError(
                f'data.task = "{self.task}" derives the source from the target; leave data.source_folders away.'
            )
        if (not derived or self.task == "shrunk") and bool(self.source_folders) != bool(self.target_folder):
            raise UsageError("data.source_folders and data.target_folder go together; set both.")
        named = self.source_folders or self.target_folder
        if (self.source_folders and self.layout == "side-by-side") or (named and LAYOUTS.origin(self.layout)):
            folders = "source_folders" if self.source_folders else "target_folder"
            raise UsageError(f'data.{folders} does not go with data.layout = "{self.layout}"; remove one of them.')
        if self.task == "unpaired" and len(self.source_folders) > 1:
            raise UsageError('data.task = "unpaired" takes one source folder; only pairs can be stacked as channels.')
        if self.direction == "b-to-a" and (derived or self.source_folders):
            why = f'data.task = "{self.task}"' if derived else "data.source_folders"
            raise UsageError(f'{why} says already what the source is; leave data.direction at "a-to-b".')

    def check_kinds(self) -> None:
        """Set the Kinds that a task implies; UsageError where others were stated."""
        if self.task == "labelled" and self.palette and not self.source.palette:
            labels = replace(self.source, colour="labels", palette=self.palette, classes=len(self.palette))
            object.__setattr__(self, "source", labels)
        if (self.source.colour == "labels") != (self.task == "labelled"):
            raise UsageError(
                'data.task = "labelled" and data.source = { colour = "labels", classes = N } go together; set both.'
            )
        if (self.source.has_gaps or self.target.has_gaps) and self.task not in OF_TWO:
            raise UsageError(
                f'data.task = "{self.task}" cannot derive sources from pictures with nodata; leave it away.'
            )
        logarithmic = "logarithmic" in (self.source.scale, self.target.scale)
        if logarithmic and (self.task not in OF_TWO or self.augment.colour):
            raise UsageError(
                "kinds of logarithmic scale are for pairs, unpaired sets and class maps, and without data.augment.colour; "
                'set scale = "linear".'
            )
        if self.valid_folder and not (self.target.has_gaps and self.task in ("pairs", "labelled")):
            raise UsageError(
                "data.valid_folder says where pairs have data: it needs data.task=pairs or labelled, and nodata in "
                "data.source and data.target, which says what stands in results where there is none."
            )
        if self.source.has_gaps != self.target.has_gaps and (self.source.has_gaps or self.task == "unpaired"):
            raise UsageError(
                "results have no data where their sources have none: state nodata in data.source and data.target."
            )
        if self.task == "labelled" and self.source_folders and len(self.source_folders) != 1 + self.source.instances:
            raise UsageError(
                "data.source_folders of labelled pictures are the class maps', and with data.source.instances = true "
                "then the instance maps'."
            )
        companions = {"instances", "mask"}
        if self.source.colour in companions or self.target.colour in companions | {"labels", "holed"}:
            raise UsageError("class maps, instance maps and holes are sources; give data.target pictures.")
        if self.source.colour == "holed" and self.task != "holed":
            raise UsageError(
                f'data.source = {{ colour = "holed" }} is a picture with a hole, which data.task = "{self.task}" would resize like '
                f'a colour; set data.task = "holed", or give the source four "channels".'
            )
        grey = {"source": "grey"}
        implied = {
            "colorization": {"source": "lightness", "target": "chroma"},
            "greyscale": grey,
            "edges": grey,
            "holed": {"source": "holed", "target": "rgb"},
        }
        for side, colour in implied.get(self.task, {}).items():
            if (found := getattr(self, side).colour) == "rgb":
                object.__setattr__(self, side, replace(getattr(self, side), colour=colour))
            elif found != colour:
                raise UsageError(
                    f'data.task = "{self.task}" needs data.{side} = {{ colour = "{colour}" }}, and it is "{found}".'
                )
        if self.task in ("edges", "greyscale") and self.target.colour not in ("rgb", "grey"):
            raise UsageError(f'data.task = "{self.task}" needs data.target = {{ colour = "rgb" }}, or "grey".')
        one_picture = (self.source.depth, self.source.range) == (self.target.depth, self.target.range)
        if self.task == "colorization" and not one_picture:
            raise UsageError(
                'data.task = "colorization" takes both sides from one picture: give both the same depth, low and high.'
            )

    @property
    def scale(self) -> int:
        """How many times larger a target is than its source."""
        return self.factor if self.task == "shrunk" else 1

    def path_of(self, key: Literal["mask_folder", "valid_folder"]) -> Path:
        """The folder of masks that the key names.

        Raises:
            DiptychError: when there is none.
        """
        path = expand_user(getattr(self, key))
        if not path.is_dir():
            raise DiptychError(f"there is no folder {path}; correct data.{key}.")
        return path


def as_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a size that may be one number for a square."""
    return (size, size) if isinstance(size, int) else size


def root_of(settings: DataSettings) -> Path:
    """The folder that the settings name.

    Raises:
        DiptychError: when there is none.
    """
    if not settings.folder:
        raise DiptychError("data.folder is not set; say where the pictures are: data.folder=FOLDER.")
    path = expand_user(settings.folder)
    if path.is_dir():
        return path
    if path.is_file():
        raise DiptychError(f"data.folder is {path}, which is a file; give the folder that it lies in.")
    from diptych.data.public.catalog import resolve  # the catalogue is needed for names alone

    return resolve(settings.folder)
