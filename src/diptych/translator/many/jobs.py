"""A job: how pictures are read, translated and written."""

import hashlib
import io
import json
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from diptych.checkpoints import checksum, contiguous_on_cpu
from diptych.data.datasets import stack_kinds
from diptych.data.valid import ValidMasks
from diptych.errors import DiptychError
from diptych.pictures import codecs, formats
from diptych.pictures.kinds import INSTANCES, MASK, Kind, Stored
from diptych.pictures.metadata import NO_METADATA, Metadata
from diptych.pictures.resizing import enlarge_nearest
from diptych.pictures.sizes import Size, size_text
from diptych.pictures.to_kind import completed, same_size
from diptych.translator.card import write_card
from diptych.translator.engines import OnnxRuntime, OpenVino
from diptych.translator.styles import ChosenStyle, Style
from diptych.translator.translator import Translator

FORMAT = 4
"""Counts up when the same job would give other pictures than before."""
KEPT_ENDINGS = (".tif", ".tiff", ".npy", ".npz")
"""Results keep these endings of their sources: they hold every picture without loss, and a TIFF its georeference."""

COMPANIONS = {"instances": ("instance map", INSTANCES), "mask": ("mask", MASK)}
REMEDIES = {"instances": "say where it is with --instances", "mask": "give a mask with --mask"}


class Read(NamedTuple):
    """A picture as the translator takes it, and the metadata of its file."""

    picture: Stored
    tags: Metadata


@dataclass(frozen=True)
class Job:
    """How pictures are to be translated and written."""

    translator: Translator
    size: Size = None
    seed: int | None = None
    batch: int = 1
    overwrite: bool = False
    grid: bool = False
    format: str = ""
    style: Style = None
    styles: tuple[ChosenStyle, ...] = ()
    """Of a sheet, which is also a ``grid``: each input and its translation in each of these, side by side."""
    instances: Path | None = None
    """Folder of the instance maps of class maps, by the same names."""
    masks: Path | None = None
    """Folder of masks by the same names, or one mask for all: white where the hole is."""
    valid: Path | None = None
    """Folder of masks by the same names, or one mask for all: white where there is data."""
    stack: tuple[Path, ...] = ()
    """Folders of the further pictures of a stacked source, by the same names, in the order of ``data.source_folders``."""

    def read(self, source: Path | bytes, name: str = "") -> Read:
        kind = self.translator.card.source
        name = name or str(source)
        picture, tags = self.read_stack(name) if self.stack else formats.read_with_metadata(source, kind, name)
        if self.valid_masks is not None:
            (picture,) = self.valid_masks.applied(name, [(picture, kind)])
        picture = completed(picture, kind, name, lambda which: self.companion_picture(which, name), REMEDIES)
        return Read(picture, tags)

    @cached_property
    def valid_masks(self) -> ValidMasks | None:
        return ValidMasks(self.valid) if self.valid is not None else None

    def read_stack(self, name: str) -> Read:
        """The stacked source of the file ``name`` and its partners, as training reads it."""
        if not Path(name).is_file():
            raise DiptychError(f"{name} has no name by which --stack finds its partners; give files.")
        others = [self.partner_path(folder, name, "picture", "--stack") for folder in self.stack]
        paths = [Path(name), *others]
        kinds = stack_kinds(paths, self.translator.card.source)
        read = [formats.read_with_metadata(path, kind) for path, kind in zip(paths, kinds, strict=True)]
        first, tags = read[0]
        return Read(np.concatenate([first, *(same_size(one, first, name) for one, _ in read[1:])], axis=2), tags)

    def companion_picture(self, which: str, name: str) -> tuple[Stored, str] | None:
        """The instance map or mask of the picture ``name``, and its path; None where no option names one."""
        place, (what, kind) = self.instances if which == "instances" else self.masks, COMPANIONS[which]
        if place is None:
            return None
        place = self.partner_path(place, name, what, f"--{which}") if place.is_dir() else place
        return formats.read(place, kind), str(place)

    def partner_path(self, folder: Path, name: str, what: str, option: str) -> Path:
        """The file in a folder with the same stem as the picture ``name``.

        Raises:
            DiptychError: when there is none.
        """
        stem = formats.stem(Path(name).name)
        if stem not in self.partners[folder]:
            raise DiptychError(f"there is no {what} called {stem} in {folder}; add it, or correct {option}.")
        return self.partners[folder][stem]

    @cached_property
    def partners(self) -> dict[Path, dict[str, Path]]:
        """The files in the folders of partners, by their stems; listed once."""
        return {
            folder: {formats.stem(file.name): file for file in reversed(formats.list_pictures(folder))}
            for folder in (self.instances, self.masks, *self.stack)
            if folder is not None and folder.is_dir()
        }

    def translate(self, pictures: list[Stored]) -> list[Stored]:
        """Translate in one batch; with ``grid`` inputs and results side by side as 8-bit RGB."""
        turns = [
            self.translator.translate_many(pictures, size=self.size, seed=self.seed, style=style)
            for style in self.styles or (self.style,)
        ]
        if not self.grid:
            return turns[0]
        return [self.side_by_side(picture, results) for picture, *results in zip(pictures, *turns, strict=True)]

    def size_note(self, picture: Stored) -> str:
        """A sentence on the default network size; empty where the user has chosen, or nothing changes."""
        card, own = self.translator.card, picture.shape[:2]
        if self.size is not None or card.scale > 1 or card.source.colour == "holed":
            return ""
        if card.rule == "own" and own != card.size:
            return (
                "Pictures are translated at their own size, since the card does not say at which scale the network was "
                f"trained; --size {size_text(card.size)}, for one, brings them to another, and the results back."
            )
        if card.network_size(*own) == own:
            return ""
        scale = {
            "stretch": f"at {size_text(card.size)}",
            "shorter-side": f"with a shorter side of {min(card.size)}",
        }.get(card.rule, f"enlarged to {size_text(card.size)} at least")
        if self.translator.tile:
            return (
                f"Pictures are translated at their own size, in tiles, and not {scale}, the scale of training; "
                "--size training brings them there."
            )
        return (
            f"Pictures are translated {scale}, the scale of training, and brought back to their size; "
            "--size own takes them as they are."
        )

    def side_by_side(self, picture: Stored, results: list[Stored]) -> Stored:
        source, target = self.translator.card.source, self.translator.card.target
        shown = [preview_of(target, result) for result in results]
        left = enlarge_nearest(source.preview(source.to_tensor(picture)), results[0])
        return np.concatenate([left, *shown], axis=1)

    def translate_bytes(self, data: bytes, name: str) -> Read:
        """One result, with its metadata."""
        picture, tags = self.read(data, name)
        if note := self.size_note(picture):
            print(note, file=sys.stderr)
        result = self.translate([picture])[0]
        return Read(result, self.tags_of(tags, result))

    def tags_of(self, tags: Metadata, result: Stored) -> Metadata:
        """The metadata of a result, from those of its source; a grid gets none."""
        card = self.translator.card
        if self.grid:
            return NO_METADATA
        kept = tags.for_result(result.shape[2], card.scale, card.same_picture)
        return replace(kept, nodata=float(card.target.nodata)) if card.target.has_gaps else kept

    def write_new(
        self, place: Path, picture: Stored, tags: Metadata = NO_METADATA, replace: bool = False, claimed: bool = False
    ) -> None:
        """Write, unless another file is there that may not be replaced.

        A file that has come to a ``claimed`` place may be the same, from an equal command that was faster.
        """
        if place.exists() and not (replace or self.overwrite):
            ours = io.BytesIO()
            formats.write(ours, picture, place.suffix, tags)
            if not claimed or not place.is_file() or place.read_bytes() != ours.getvalue():
                raise DiptychError(exists_message(place))
            return
        formats.write(place, picture, metadata=tags)

    def ending(self, source: Path) -> str:
        """The result's ending: the chosen one, else that of a TIFF or an array, else .png, or .tif where PNG cannot hold it."""
        if self.format:
            return f".{self.format}"
        if (own := source.suffix.lower()) in KEPT_ENDINGS:
            return own
        kind = self.translator.card.target
        channels, depth = (3, "uint8") if self.grid else (kind.stored_channels, kind.depth)
        return ".png" if codecs.can_hold(".png", channels, depth) else ".tif"

    @cached_property
    def fingerprint(self) -> str:
        """Equal for jobs that make the same files from the same pictures."""
        translator = self.translator
        styles = [
            hashlib.sha256(style.tobytes()).hexdigest() if isinstance(style, np.ndarray) else style
            for style in self.styles or (self.style,)
        ]
        folders = [str(place and place.resolve()) for place in (self.instances, self.masks, self.valid, *self.stack)]
        precision = translator.engine.precision  # engines of one precision give the same pictures
        options = [translator.tile, size_text(self.size), self.seed, self.grid, *styles, folders]
        text = json.dumps([FORMAT, identity(translator), precision, *options], default=dict)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def identity(translator: Translator) -> str:
    """Equal for translators with the same card and weights, and for engines with the same exported file."""
    text = write_card(translator.card)
    if translator.eager is not None:
        return checksum(contiguous_on_cpu(translator.eager.network.state_dict()), text)
    if isinstance(translator.engine, OnnxRuntime | OpenVino):
        text += hashlib.sha256(translator.engine.place.read_bytes()).hexdigest()
    return hashlib.sha256(text.encode()).hexdigest()


def preview_of(kind: Kind, picture: Stored) -> npt.NDArray[np.uint8]:
    """(H, W, 3) as it is looked at; 8-bit RGB as it is."""
    rgb = picture.dtype == np.uint8 and picture.shape[2] == 3
    return picture if rgb else kind.preview(kind.to_tensor(picture))


def exists_message(place: Path) -> str:
    return f"{place} exists; give --overwrite to replace it, or another --out."
