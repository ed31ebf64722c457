"""Datasets: an index and a random generator in, a source and a target out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from torch import Tensor

from diptych.data.cache import Cache
from diptych.data.derived import DERIVE, Derived, Holed, Shrunk
from diptych.data.entries import Entry, Layout
from diptych.data.layouts import discover
from diptych.data.picture_file import File, probe
from diptych.data.resident import Place
from diptych.data.sampler import Pictures, Sampler
from diptych.data.settings import DataSettings
from diptych.data.shards.windows import InWindows
from diptych.errors import DiptychError
from diptych.pictures.kinds import INSTANCES, Kind, Stored


class Pairs:
    """Aligned pictures: side by side in one file, or matched by name; both halves get the same crop and mirroring."""

    def __init__(
        self, settings: DataSettings, entries: Sequence[Entry], train: bool, cache: Cache | None = None
    ) -> None:
        self.sampler = Sampler(settings, train, cache)
        self.settings = settings
        self.entries = entries
        self.sizes = (len(entries), len(entries))
        several = len(entries[0].a) > 1
        self.kinds = stack_kinds(entries[0].a, settings.source) if several else [settings.source]

    def __len__(self) -> int:
        return len(self.entries)

    def name(self, index: int) -> str:
        return self.entries[index].name

    def pair(self, index: int) -> tuple[Stored, Stored]:
        """The stored source and target, as large as they are in the file."""
        entry, settings, read = self.entries[index], self.settings, self.sampler.cache.read
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

    def places(self, index: int, rng: np.random.Generator) -> tuple[Place, Place]:
        """What ``sample`` takes where all pictures are resized alike."""
        place = index, self.sampler.drawn(rng)
        return place, place

    def whole(self, side: int, number: int) -> Stored:
        """The stored source (0) or target (1)."""
        return self.pair(number)[side]

    def half(self, index: int, side: str, kind: Kind) -> Stored:
        """The left (a) or right (b) half of a side-by-side picture."""
        path = self.entries[index].a[0]
        return half_of(self.sampler.cache.read(path, kind), path, side)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return self.sampler.tensors(*self.stored(index, rng))

    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        source, target = self.sampler.cut(self.pair(index), (self.settings.source, self.settings.target), rng)
        return source, target


class Unpaired:
    """Two piles: a source by index, a target drawn at random; each has a crop and mirroring of its own."""

    def __init__(
        self,
        settings: DataSettings,
        read: Sequence[Callable[[int], Stored]],
        sizes: tuple[int, int],
        names: Sequence[str],
        train: bool,
        cache: Cache | None = None,
    ) -> None:
        self.sampler = Sampler(settings, train, cache)
        self.read = read
        self.sizes = sizes
        self.names = names

    def __len__(self) -> int:
        return max(self.sizes)

    def name(self, index: int) -> str:
        return self.names[index % self.sizes[0]]

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return self.sampler.tensors(*self.stored(index, rng))

    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        drawn = int(rng.integers(self.sizes[1]))
        if not self.sampler.train:
            drawn = index % self.sizes[1]
        settings = self.sampler.settings
        (source,) = self.sampler.cut([self.whole(0, index % self.sizes[0])], [settings.source], rng)
        (target,) = self.sampler.cut([self.whole(1, drawn)], [settings.target], rng)
        return source, target

    def places(self, index: int, rng: np.random.Generator) -> tuple[Place, Place]:
        """What ``sample`` takes where all pictures are resized alike."""
        drawn = int(rng.integers(self.sizes[1]))
        return (index % self.sizes[0], self.sampler.drawn(rng)), (drawn, self.sampler.drawn(rng))

    def whole(self, side: int, number: int) -> Stored:
        """The stored picture of a pile, sources (0) or targets (1)."""
        return self.read[side](number)


def half_of(picture: Stored, path: File, side: str) -> Stored:
    middle, odd = divmod(picture.shape[1], 2)
    if odd or not middle:
        raise DiptychError(
            f"{path} is {size_of(picture)}: a side-by-side pair must have an even width. "
            "For single pictures, say how to derive their source: data.task=edges, greyscale, colorization, holed or shrunk."
        )
    return picture[:, :middle] if side == "a" else picture[:, middle:]


def stack_kinds(paths: Sequence[File], kind: Kind) -> list[Kind]:
    """As what to read each of several pictures that together make one of ``kind``, its channels theirs in order.

    The number of channels is stated by the Kind; how many each folder brings is read from its first file. Where that
    does not add up, all are read as grey, or all as RGB, if that does. Class maps have their instance maps beside them.
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
    plain = {1: replace(kind, colour="grey", channels=0), 3: replace(kind, colour="rgb", channels=0)}
    return [plain.get(count) or replace(kind, colour="channels", channels=count) for count in counts]


def colour_channels(path: File) -> int:
    """Channels without opacity, which only picture formats have."""
    found = probe(path).channels
    return found - 1 if found in (2, 4) and path.suffix.lower() in (".png", ".webp") else found


def size_of(picture: Stored) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


SINGLE: dict[str, type[Pairs | Holed | Shrunk]] = {"pairs": Pairs, "labelled": Pairs, "holed": Holed, "shrunk": Shrunk}
ALL = "all"
"""The split that is all pictures together, for judging on a folder that was not trained on."""


def of_split(splits: dict[str, list[Entry]], split: str) -> list[Entry]:
    return [entry for entries in splits.values() for entry in entries] if split == ALL else splits.get(split, [])


def open_dataset(settings: DataSettings, split: str, train: bool, own: bool = False) -> Pictures:
    """The pictures of a split; ``train`` for random crops and mirroring, else whole and the same each time.

    Whole pictures come at the scale of training, or ``own``: at their own size.

    Raises:
        DiptychError: when the folder, or the split in it, holds nothing that fits.
    """
    layout = discover(settings)
    if split not in (*layout.splits, ALL):
        raise DiptychError(f'{settings.folder} has no split "{split}"; it has {", ".join(layout.splits)}, and {ALL}.')
    entries = of_split(layout.splits, split)
    dataset = open_entries(settings, layout, split, train)
    if own:
        dataset.sampler.geometry = replace(dataset.sampler.geometry, own=True)
    if layout.sharded and train and settings.shuffle_window:
        return InWindows(dataset, entries, settings.shuffle_window)
    return dataset


def open_entries(settings: DataSettings, layout: Layout, split: str, train: bool) -> Pairs | Unpaired | Derived:
    """By the task."""
    entries = of_split(layout.splits, split)
    cache = Cache(settings.cache_gib if train else 0.0)  # one budget, for what is read again and again
    if settings.task in DERIVE:
        return Derived(settings, entries, train, DERIVE[settings.task], cache)
    if settings.task in SINGLE:
        return SINGLE[settings.task](settings, entries, train, cache)
    others = of_split(layout.others, split)
    if not others:
        raise DiptychError(f'{settings.folder} has no second pile for the split "{split}".')
    swapped = settings.direction == "b-to-a"
    sides = [(others, "b"), (entries, "a")] if swapped else [(entries, "a"), (others, "b")]
    readers = []
    for (pile, side), kind in zip(sides, (settings.source, settings.target), strict=True):
        pairs = Pairs(settings, pile, train, cache)
        halves = layout.kind == "side-by-side"
        readers.append(partial(pairs.half, side=side, kind=kind) if halves else partial(read_entry, pairs, kind))
    sizes = (len(sides[0][0]), len(sides[1][0]))
    return Unpaired(settings, readers, sizes, [entry.name for entry in sides[0][0]], train, cache)


def read_entry(pairs: Pairs, kind: Kind, index: int) -> Stored:
    return pairs.sampler.cache.read(pairs.entries[index].a[0], kind)
