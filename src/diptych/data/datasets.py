"""Datasets: an index and a random generator in, a source and a target out."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from torch import Tensor

from diptych.data.cache import Cache
from diptych.data.edges import edges
from diptych.data.layouts import Entry, discover
from diptych.data.settings import DataSettings, as_size
from diptych.data.transforms import Geometry
from diptych.errors import DiptychError
from diptych.formats import luma
from diptych.images import Kind, Stored


class Dataset(Protocol):
    """What a stream and a validation read from."""

    def __len__(self) -> int: ...

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """(source, target), float32 (channels, height, width) in [-1, 1]; all chance comes from ``rng``."""
        ...

    def name(self, index: int) -> str:
        """What results for this example are called."""
        ...


class Sampler:
    """Geometry and kinds, shared by the datasets: ``train`` draws crops and mirrors, else pictures are taken whole."""

    def __init__(self, settings: DataSettings, train: bool) -> None:
        self.settings = settings
        self.train = train
        sizes = as_size(settings.load_size), as_size(settings.crop_size)
        self.geometry = Geometry(*sizes, settings.fit, settings.mirror, settings.filter)
        self.cache = Cache(settings.cache_gib)

    def cut(self, pictures: Sequence[Stored], rng: np.random.Generator) -> list[Stored]:
        """The same window of every picture."""
        height, width = pictures[0].shape[:2]
        window = self.geometry.draw(rng, height, width) if self.train else self.geometry.whole(height, width)
        return [self.geometry.apply(picture, window) for picture in pictures]

    def tensors(self, source: Stored, target: Stored) -> tuple[Tensor, Tensor]:
        return self.settings.source.to_tensor(source), self.settings.target.to_tensor(target)


class Pairs:
    """Aligned pictures: side by side in one file, or matched by name; both halves get the same crop and mirroring."""

    def __init__(self, settings: DataSettings, entries: Sequence[Entry], train: bool) -> None:
        self.sampler = Sampler(settings, train)
        self.settings = settings
        self.entries = entries

    def __len__(self) -> int:
        return len(self.entries)

    def name(self, index: int) -> str:
        return self.entries[index].name

    def pair(self, index: int) -> tuple[Stored, Stored]:
        """The stored source and target, as large as they are in the file."""
        entry, settings = self.entries[index], self.settings
        swapped = settings.direction == "b-to-a"
        if entry.b is None:
            return self.half(index, "b" if swapped else "a", settings.source), self.half(
                index, "a" if swapped else "b", settings.target
            )
        a, b = entry.a, (entry.b,)
        sources, targets = (b, a) if swapped and len(a) == 1 else (a, b)
        source = stacked([*sources], settings.source, self.sampler.cache)
        target = self.sampler.cache.read(targets[0], settings.target)
        if source.shape[:2] != target.shape[:2]:
            raise DiptychError(
                f"{sources[0]} is {size_of(source)} and its partner {targets[0]} is {size_of(target)}; "
                f"partners must be of one size."
            )
        return source, target

    def half(self, index: int, side: str, kind: Kind) -> Stored:
        """The left (a) or right (b) half of a side-by-side picture."""
        path = self.entries[index].a[0]
        picture = self.sampler.cache.read(path, kind)
        middle, odd = divmod(picture.shape[1], 2)
        if odd or not middle:
            raise DiptychError(f"{path} is {size_of(picture)}: a side-by-side pair must have an even width.")
        return picture[:, :middle] if side == "a" else picture[:, middle:]

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        source, target = self.sampler.cut(self.pair(index), rng)
        return self.sampler.tensors(source, target)


class Unpaired:
    """Two piles: a source by index, a target drawn at random; each has a crop and mirroring of its own."""

    def __init__(
        self,
        settings: DataSettings,
        read: Sequence[Callable[[int], Stored]],
        sizes: tuple[int, int],
        names: Sequence[str],
        train: bool,
    ) -> None:
        self.sampler = Sampler(settings, train)
        self.read = read
        self.sizes = sizes
        self.names = names

    def __len__(self) -> int:
        return max(self.sizes)

    def name(self, index: int) -> str:
        return self.names[index % self.sizes[0]]

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        drawn = int(rng.integers(self.sizes[1]))
        if not self.sampler.train:
            drawn = index % self.sizes[1]
        (source,) = self.sampler.cut([self.read[0](index % self.sizes[0])], rng)
        (target,) = self.sampler.cut([self.read[1](drawn)], rng)
        return self.sampler.tensors(source, target)


class Derived:
    """One pile of pictures; the source is made from the target after the crop."""

    def __init__(
        self, settings: DataSettings, entries: Sequence[Entry], train: bool, derive: Callable[[Stored], Stored]
    ) -> None:
        self.sampler = Sampler(settings, train)
        self.entries = entries
        self.derive = derive

    def __len__(self) -> int:
        return len(self.entries)

    def name(self, index: int) -> str:
        return self.entries[index].name

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        picture = self.sampler.cache.read(self.entries[index].a[0], self.sampler.settings.target)
        (target,) = self.sampler.cut([picture], rng)
        return self.sampler.tensors(self.derive(target), target)


def grey(picture: Stored) -> Stored:
    """One channel of ITU-R BT.601 luma."""
    return luma(picture) if picture.shape[2] == 3 else picture


def same(picture: Stored) -> Stored:
    """Colorization: the Kinds take lightness and chroma from the same RGB picture (pix2pix, section 6.2)."""
    return picture


DERIVE: dict[str, Callable[[Stored], Stored]] = {"edges": edges, "greyscale": grey, "colorization": same}


def stacked(paths: list, kind: Kind, cache: Cache) -> Stored:  # type: ignore[type-arg]
    """One picture, or several of them as the channels of one."""
    if len(paths) == 1:
        return cache.read(paths[0], kind)
    share, rest = divmod(kind.stored_channels, len(paths))
    if rest:
        raise DiptychError(
            f"data.source has {kind.stored_channels} channels for {len(paths)} source folders; "
            f'set data.source = {{ colour = "channels", channels = N }} with N divisible by {len(paths)}.'
        )
    colours = {1: "grey", 3: "rgb"}
    one = Kind(
        colours.get(share, "channels"),
        kind.depth,
        0 if share in colours else share,
        kind.low,
        kind.high,
        kind.background,
    )  # type: ignore[arg-type]
    pictures = [cache.read(path, one) for path in paths]
    for path, picture in zip(paths, pictures, strict=True):
        if picture.shape[:2] != pictures[0].shape[:2]:
            raise DiptychError(
                f"{path} is {size_of(picture)} and {paths[0]} is {size_of(pictures[0])}; they must be of one size."
            )
    return np.concatenate(pictures, axis=2)


def size_of(picture: Stored) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


def open_dataset(settings: DataSettings, split: str, train: bool) -> Dataset:
    """The pictures of a split; ``train`` for random crops and mirroring, else whole and the same each time.

    Raises:
        DiptychError: when the folder, or the split in it, holds nothing that fits.
    """
    layout = discover(settings)
    if split not in layout.splits:
        raise DiptychError(f'{settings.folder} has no split "{split}"; it has {", ".join(layout.splits)}.')
    entries = layout.splits[split]
    if settings.task in DERIVE:
        return Derived(settings, entries, train, DERIVE[settings.task])
    if settings.task == "pairs":
        return Pairs(settings, entries, train)
    others = layout.others.get(split, [])
    if not others:
        raise DiptychError(f'{settings.folder} has no second pile for the split "{split}".')
    swapped = settings.direction == "b-to-a"
    sides = [(others, "b"), (entries, "a")] if swapped else [(entries, "a"), (others, "b")]
    readers = []
    for (pile, side), kind in zip(sides, (settings.source, settings.target), strict=True):
        pairs = Pairs(settings, pile, train)
        halves = layout.kind == "side-by-side"
        readers.append(partial(pairs.half, side=side, kind=kind) if halves else partial(read_entry, pairs, kind))
    sizes = (len(sides[0][0]), len(sides[1][0]))
    return Unpaired(settings, readers, sizes, [entry.name for entry in sides[0][0]], train)


def read_entry(pairs: Pairs, kind: Kind, index: int) -> Stored:
    return pairs.sampler.cache.read(pairs.entries[index].a[0], kind)
