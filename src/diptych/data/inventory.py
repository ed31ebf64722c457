"""An inventory of a set of examples: their names, and the bytes of their files. No picture is read for it.

It does not depend on the path, or on whether the set is in folders or in shards. Two inventories show what was added,
removed or exchanged.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diptych.data.entries import Entry, File, files_of
from diptych.data.layouts import discover
from diptych.data.settings import DataSettings
from diptych.data.shards.reading import are_at
from diptych.errors import DiptychError
from diptych.files import expand_user, from_json
from diptych.pictures.formats import list_pictures

DATASET, VALIDATION_DATASET = "dataset", "validation dataset"
"""Parts of the inventory of what was given in Python."""
Inventory = dict[str, dict[str, list[int]]]
"""By split, such as "train", "train targets" (of unpaired sets) or "masks": the bytes of each example's files by its name."""


def inventory(settings: DataSettings) -> Inventory:
    """The inventory of all that training and validation may read.

    Raises:
        DiptychError: as ``discover``, and for a file that is gone.
    """
    layout = discover(settings)
    parts = dict(used(layout.splits))
    if layout.others is not layout.splits:  # they are the same where both domains are halves of one picture
        parts |= {f"{split} targets": entries for split, entries in used(layout.others)}
    found: Inventory = {
        part: {entry.name: [bytes_of(file) for file in files_of([entry])] for entry in entries}
        for part, entries in parts.items()
    }
    if settings.hole == "files":
        found["masks"] = {mask.name: [bytes_of(mask)] for mask in list_pictures(settings.path_of("mask_folder"))}
    if settings.valid_folder:
        found["masks"] = {mask.name: [bytes_of(mask)] for mask in list_pictures(settings.path_of("valid_folder"))}
    return found


def used(splits: dict[str, list[Entry]]) -> Iterator[tuple[str, list[Entry]]]:
    """The splits that training and validation read."""
    return ((split, splits[split]) for split in ("train", "val") if split in splits)


def bytes_of(file: File) -> int:
    if not isinstance(file, Path):
        return file.size
    try:
        return os.stat(file).st_size
    except OSError as problem:
        raise DiptychError(f"{file} cannot be read: {problem.strerror}; was it moved or removed?") from None


def is_named_set(settings: DataSettings) -> bool:
    """Whether ``data.folder`` is the name of a prepared set, which its name identifies."""
    return not are_at(settings.folder) and not expand_user(settings.folder).is_dir()


@dataclass(frozen=True)
class Change:
    """How many examples differ between two inventories."""

    same: int
    added: int
    removed: int
    resized: int

    def __bool__(self) -> bool:
        return self.added + self.removed + self.resized > 0

    def summary(self, changed: str = "of another size") -> str:
        """Such as "2 added, 1 of another size, 13 as they were"."""
        counts = {"added": self.added, "removed": self.removed, changed: self.resized}
        return ", ".join(f"{count} {what}" for what, count in (counts | {"as they were": self.same}).items() if count)


def compared(before: Inventory, now: Inventory) -> Change:
    """The change between two inventories; an example that moved to another split is removed and added."""
    first, second = (
        {(part, name): sizes for part, entries in found.items() for name, sizes in entries.items()}
        for found in (before, now)
    )
    shared = first.keys() & second.keys()
    same = sum(first[key] == second[key] for key in shared)
    return Change(same, len(second) - len(shared), len(first) - len(shared), len(shared) - same)


def to_text(found: Inventory) -> str:
    return json.dumps(found, separators=(",", ":")) + "\n"


def from_text(text: str) -> Inventory:
    """Read what ``to_text`` wrote; ValueError for anything else."""
    found = from_json(text)
    try:
        return {
            str(part): {str(name): [int(size) for size in sizes] for name, sizes in entries.items()}
            for part, entries in found.items()
        }
    except (AttributeError, TypeError) as problem:
        raise ValueError(str(problem)) from None
