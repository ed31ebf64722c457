"""Datasets: an index and a random generator give a source and a target."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from diptych.data.derived import DERIVE, Derived, Holed, Shrunk
from diptych.data.entries import Entry, File, Layout, probe
from diptych.data.inventory import Inventory, inventory
from diptych.data.layouts import discover
from diptych.data.pictures import Pictures
from diptych.data.settings import DataSettings
from diptych.data.shards.windows import WindowShuffle
from diptych.data.transforms import Crop
from diptych.data.valid import ValidMasks
from diptych.data.volumes.layout import SliceEntry
from diptych.errors import DiptychError
from diptych.pictures.kinds import INSTANCES, Kind, Stored


class Pairs(Pictures):
    """Aligned pictures: side by side in one file, or matched by name; both halves get the same crop and mirroring."""

    def __init__(self, settings: DataSettings, entries: Sequence[Entry], train: bool) -> None:
        super().__init__(settings, entries, train)
        self.sizes = (len(entries), len(entries))
        several = len(entries[0].a) > 1
        self.kinds = stack_kinds(entries[0].a, settings.source) if several else [settings.source]
        self.masks = ValidMasks(settings.path_of("valid_folder"), self.cache.read) if settings.valid_folder else None

    def pair(self, index: int) -> tuple[Stored, Stored]:
        """The stored source and target, as large as they are in the file."""
        source, target = self.read_pair(index)
        if self.masks is not None:
            kinds = self.settings.source, self.settings.target
            source, target = self.masks.applied(self.name(index), list(zip((source, target), kinds, strict=True)))
        return source, target

    def read_pair(self, index: int) -> tuple[Stored, Stored]:
        entry, settings, read = self.entries[index], self.settings, self.cache.read
        swapped = settings.direction == "b-to-a"
        if entry.b is None:
            path = entry.a[0]
            source = read(path, settings.source)
            target = source if settings.source == settings.target else read(path, settings.target)
            return half_of(source, path, "b" if swapped else "a"), half_of(target, path, "a" if swapped else "b")
        sources, path = ((entry.b,), entry.a[0]) if swapped else (entry.a, entry.b)
        pictures = [read(source_path, kind) for source_path, kind in zip(sources, self.kinds, strict=True)]
        target = read(path, settings.target)
        for source_path, picture in zip(sources, pictures, strict=True):
            if picture.shape[:2] != target.shape[:2]:
                raise DiptychError(
                    f"{source_path} is {size_of(picture)} and its partner {path} is {size_of(target)}; "
                    f"partners must be of one size."
                )
        return pictures[0] if len(pictures) == 1 else np.concatenate(pictures, axis=2), target

    def crops(self, index: int, rng: np.random.Generator) -> tuple[Crop, Crop]:
        """What ``sample`` takes where all pictures are resized alike."""
        window, inside = self.draw(rng), self.inside(index)
        crop = index, window if inside is None else self.geometry.within(window, inside, rng)
        return crop, crop

    def inside(self, index: int) -> npt.NDArray[np.bool_] | None:
        """(H, W): where crops are drawn, of a volume's slice with a mask; None = anywhere."""
        entry = self.entries[index]
        if not self.train or not isinstance(entry, SliceEntry) or entry.mask is None:
            return None
        marked: npt.NDArray[np.bool_] = entry.mask.stored()[..., 0] > 0
        return marked

    def picture(self, side: int, number: int) -> Stored:
        """The stored source (0) or target (1)."""
        return self.pair(number)[side]

    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        settings = self.settings
        source, target = self.cut(self.pair(index), (settings.source, settings.target), rng, self.inside(index))
        return settings.augment.coloured(source, settings.source, rng) if self.train else source, target


class Unpaired(Pictures):
    """Two sets: a source by index, a target drawn at random; each has a crop and mirroring of its own.

    ``halves`` says which half of a side-by-side picture each set takes, "a" (left) or "b"; "" takes the picture whole.
    """

    def __init__(
        self,
        settings: DataSettings,
        entries: Sequence[Entry],
        others: Sequence[Entry],
        halves: tuple[str, str],
        train: bool,
    ) -> None:
        super().__init__(settings, entries, train)
        self.sides = (entries, settings.source, halves[0]), (others, settings.target, halves[1])
        self.sizes = (len(entries), len(others))

    def __len__(self) -> int:
        return max(self.sizes)

    def name(self, index: int) -> str:
        return super().name(index % self.sizes[0])

    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        drawn = int(rng.integers(self.sizes[1]))
        if not self.train:
            drawn = index % self.sizes[1]
        (source,) = self.cut([self.picture(0, index % self.sizes[0])], [self.settings.source], rng)
        (target,) = self.cut([self.picture(1, drawn)], [self.settings.target], rng)
        return source, target

    def crops(self, index: int, rng: np.random.Generator) -> tuple[Crop, Crop]:
        """What ``sample`` takes where all pictures are resized alike."""
        drawn = int(rng.integers(self.sizes[1]))
        return (index % self.sizes[0], self.draw(rng)), (drawn, self.draw(rng))

    def picture(self, side: int, number: int) -> Stored:
        """A stored source (0) or target (1)."""
        entries, kind, half = self.sides[side]
        path = entries[number].a[0]
        picture = self.cache.read(path, kind)
        return half_of(picture, path, half) if half else picture


def half_of(picture: Stored, path: File, side: str) -> Stored:
    middle, odd = divmod(picture.shape[1], 2)
    if odd or not middle:
        raise DiptychError(
            f"{path} is {size_of(picture)}: a side-by-side pair must have an even width. "
            "For single pictures, say how to derive their source: data.task=edges, greyscale, colorization, holed or shrunk."
        )
    return picture[:, :middle] if side == "a" else picture[:, middle:]


def stack_kinds(paths: Sequence[File], kind: Kind) -> list[Kind]:
    """The Kinds of several pictures that are stacked, channel after channel, into one of ``kind``.

    The Kind states the number of channels; the first file of each folder tells how many it brings. If these do not add
    up, all are read as grey or all as RGB, where that does. Class maps come with their instance maps.
    """
    if kind.colour == "labels":
        return [kind, INSTANCES][: len(paths)]
    counts = [colour_channels(path) for path in paths]
    share, rest = divmod(kind.stored_channels, len(paths))
    if sum(counts) != kind.stored_channels:
        if rest or share not in (1, 3):
            found = ", ".join(f"{path} {count}" for path, count in zip(paths, counts, strict=True))
            raise DiptychError(
                f"data.source has {kind.stored_channels} channels, and its files have others ({found}); "
                f'set data.source = {{ colour = "channels", channels = {sum(counts)} }}.'
            )
        counts = [share] * len(paths)
    return [kind.with_channels(count) for count in counts]


def colour_channels(path: File) -> int:
    """Channels without opacity, which only PNG and WebP have."""
    found = probe(path).channels
    return found - 1 if found in (2, 4) and path.suffix.lower() in (".png", ".webp") else found


def size_of(picture: Stored) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


OF_ONE_SET: dict[str, type[Pairs | Derived | Holed | Shrunk]] = {
    **dict.fromkeys(("pairs", "labelled"), Pairs),
    **dict.fromkeys(DERIVE, Derived),
    "holed": Holed,
    "shrunk": Shrunk,
}
ALL = "all"
"""The split that holds all pictures, to evaluate on a folder that was not trained on."""


def of_split(splits: dict[str, list[Entry]], split: str) -> list[Entry]:
    return [entry for entries in splits.values() for entry in entries] if split == ALL else splits.get(split, [])


def open_dataset(settings: DataSettings, split: str, train: bool, own: bool = False) -> Pictures:
    """The pictures of a split: with ``train`` random crops and mirroring, else whole and the same each time.

    Whole pictures come at the scale of training, or with ``own`` at their own size.

    Raises:
        DiptychError: when the folder, or the split in it, holds nothing that fits.
    """
    layout = discover(settings)
    if split not in (*layout.splits, ALL):
        raise DiptychError(f'{settings.folder} has no split "{split}"; it has {", ".join(layout.splits)}, and {ALL}.')
    dataset = open_entries(settings, layout, split, train)
    if own:
        dataset.geometry = replace(dataset.geometry, own=True)
    if layout.sharded and train and settings.shuffle_window:
        return WindowShuffle(dataset, settings.shuffle_window)
    return dataset


class FolderSplits:
    """The pictures of ``data.folder``."""

    def __init__(self, settings: DataSettings) -> None:
        self.settings = settings

    def train(self) -> Pictures:
        return open_dataset(self.settings, "train", train=True)

    def validation(self) -> Pictures:
        return open_dataset(self.settings, "val", train=False)

    def inventory(self) -> Inventory:
        return inventory(self.settings)

    def notes(self) -> Sequence[str]:
        return ()


def open_entries(settings: DataSettings, layout: Layout, split: str, train: bool) -> Pictures:
    """The dataset class of the task, over the entries of a split."""
    entries = of_split(layout.splits, split)
    if settings.task in OF_ONE_SET:
        return OF_ONE_SET[settings.task](settings, entries, train)
    others = of_split(layout.others, split)
    if not others:
        raise DiptychError(f'{settings.folder} has no second pile for the split "{split}".')
    halves = ("a", "b") if layout.kind == "side-by-side" else ("", "")
    if settings.direction == "b-to-a":
        entries, others, halves = others, entries, (halves[1], halves[0])
    return Unpaired(settings, entries, others, halves, train)
