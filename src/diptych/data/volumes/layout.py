"""The layout of a folder of volumes: their slices are the examples, and whole volumes or blocks of slices are held out."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diptych.data.entries import Entry, Layout
from diptych.data.public.catalog import cache_folder
from diptych.data.settings import DataSettings
from diptych.data.volumes.sets import Sets, VolumeSet, require_one_grid, volume_sets
from diptych.data.volumes.slice import Slice
from diptych.errors import DiptychError
from diptych.volumes.opening import open_volume

Divide = Callable[[list[Entry], DataSettings], tuple[list[Entry], list[Entry]]]
BLOCK = 8  # slices that are held out together, about, where there is one volume
GAP = 2  # slices beside a block that are in no split, besides those which are its neighbours in 2.5D


@dataclass(frozen=True, slots=True)
class SliceEntry(Entry):
    """Slices of one place in volumes that belong together."""

    mask: Slice | None = None


def volume_layout(root: Path, settings: DataSettings, divide: Divide) -> Layout:
    """The examples of a folder of volumes.

    Args:
        root: the folder.
        settings: with ``slices`` and ``axis``.
        divide: entries to those of train and of val, by their names.

    Raises:
        DiptychError: when nothing fits, volumes differ in their grids, or one is damaged.
    """
    sets, others, problems, words = volume_sets(root, settings)
    for pile in (*sets.values(), *others.values()):
        for one in pile:
            require_one_grid(one)
    first = SideOf(settings, source=settings.direction == "a-to-b")
    splits, note = in_splits(sets, settings, first, divide)
    second = SideOf(settings, source=settings.direction == "b-to-a")
    other_splits, _ = in_splits(others, settings, second, divide) if others else ({}, "")
    kind = "unpaired" if others else "folders"
    description = f"{words}, {settings.axis} slices{note}"
    return Layout(kind, description, splits, other_splits, problems=tuple(problems), held_out="val" not in sets)


@dataclass(frozen=True)
class SideOf:
    """Whether the first files of an entry are sources, which come with their neighbours."""

    settings: DataSettings
    source: bool

    def entries(self, one: VolumeSet) -> list[Entry]:
        """An example for each slice that is not all of one value, and that the mask reaches where there is one."""
        settings, plane, cache = self.settings, self.settings.axis, cache_folder("volumes")
        axis = open_volume(one.sources[0]).require_plane(plane)
        near, far = (settings.slices, 1) if self.source else (1, settings.slices)

        def place(path: Path, index: int, count: int) -> Slice:
            return Slice(path, plane, index, count, cache)

        occupied = set(range(open_volume(one.sources[0]).shape[axis]))
        for path in one.paths:
            facts = place(path, 0, 1).slices.facts
            marked = inside(facts.highest)
            if path == one.mask and not marked:
                raise DiptychError(
                    f"{path} marks nothing, so there is no place to draw from; draw the mask, or remove the volume."
                )
            occupied &= marked if path == one.mask else {*facts.occupied, *facts.broken}
        return [
            SliceEntry(
                f"{one.name}_{plane}_{index:04d}",
                tuple(place(path, index, near) for path in one.sources),
                place(one.target, index, far) if one.target else None,
                place(one.mask, index, 1) if one.mask else None,
            )
            for index in sorted(occupied)
        ]


def inside(highest: Sequence[float]) -> set[int]:
    """Slices that a mask reaches."""
    return {number for number, value in enumerate(highest) if value > 0}


def in_splits(sets: Sets, settings: DataSettings, side: SideOf, divide: Divide) -> tuple[dict[str, list[Entry]], str]:
    """Examples by split, and how it was divided. Of several volumes whole ones are held out, of one blocks of its slices."""
    sets = {split or "train": pile for split, pile in sets.items()}
    require_something(sets, settings)
    counts = Counter(one.name for pile in sets.values() for one in pile)
    note = f" of {sum(counts.values())} volumes"
    if "val" in sets:
        return {split: [entry for one in pile for entry in side.entries(one)] for split, pile in sets.items()}, note
    splits = {split: [entry for one in pile for entry in side.entries(one)] for split, pile in sets.items()}
    if len(sets["train"]) == 1:
        train, val = blocks_of(splits["train"], settings)
        unused = len(splits["train"]) - len(val) - len(train)
        note += f"; {len(val)} slices set apart in blocks to validate, and {unused} between them and the others unused"
    else:
        _, held_out = divide([Entry(one.name, one.sources) for one in sets["train"]], settings)
        names = {entry.name for entry in held_out}
        train = [entry for one in sets["train"] if one.name not in names for entry in side.entries(one)]
        val = [entry for one in sets["train"] if one.name in names for entry in side.entries(one)]
        note += f"; {len(names)} of {len(sets['train'])} set apart to validate, by a hash of their names"
    if not (train and val):
        raise DiptychError(
            f"{settings.folder} has {len(splits['train'])} slices to learn from, too few to set some apart; add volumes, or folders "
            f"train and val."
        )
    rest = {split: pile for split, pile in splits.items() if split != "train"}
    return {"train": train, "val": val} | rest, note


def blocks_of(found: list[Entry], settings: DataSettings) -> tuple[list[Entry], list[Entry]]:
    """(train, val) of the slices of one volume: no slice of one is a neighbour of the other's."""
    held = held_blocks(len(found), settings.validation_share)
    numbers = np.array([index_of(entry) for entry in found], dtype=np.int64)
    near = np.abs(numbers[:, None] - numbers[sorted(held)][None]).min(axis=1, initial=len(found) + BLOCK)
    train = [entry for entry, distance in zip(found, near, strict=True) if distance > settings.slices // 2 + GAP]
    return train, [entry for number, entry in enumerate(found) if number in held]


def require_something(sets: Sets, settings: DataSettings) -> None:
    if not sets.get("train"):
        raise DiptychError(
            f"{settings.folder} has volumes for {', '.join(sets)}, none to train on; add a folder train."
        )


def index_of(entry: Entry) -> int:
    place = entry.a[0]
    assert isinstance(place, Slice)
    return place.index


def held_blocks(count: int, share: float) -> set[int]:
    """Places that are held out of ``count``: blocks spread evenly, about ``share`` of all, never all."""
    blocks = max(2, count // BLOCK) if count > 1 else 1
    wanted = max(1, min(round(share * blocks), blocks - 1))
    edges = np.linspace(0, count, blocks + 1).round().astype(int)
    chosen = [int((number + 0.5) * blocks / wanted) for number in range(wanted)]
    return {place for block in chosen for place in range(edges[block], edges[block + 1])}
