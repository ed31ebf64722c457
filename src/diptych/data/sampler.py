"""What datasets share: geometry, kinds, and the cache of decoded pictures."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from diptych.data.cache import Cache
from diptych.data.entries import Entry
from diptych.data.settings import DataSettings, as_size
from diptych.data.transforms import Geometry, Window
from diptych.pictures.kinds import Kind, Stored


class Dataset(Protocol):
    """What a stream and a validation read from."""

    def __len__(self) -> int: ...

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """(source, target) as a ``Batch`` holds them, without its first axis; all chance comes from ``rng``."""
        ...

    def name(self, index: int) -> str:
        """The name of this example's results."""
        ...


class Sampler:
    """Geometry and kinds of a dataset: ``train`` draws crops and mirrors, else pictures are taken whole."""

    def __init__(self, settings: DataSettings, train: bool, cache: Cache | None = None) -> None:
        self.settings = settings
        self.train = train
        sizes = as_size(settings.load_size), as_size(settings.crop_size)
        self.geometry = Geometry(*sizes, settings.fit, settings.mirror, settings.filter)
        self.cache = cache or Cache(settings.cache_gib)

    def cut(self, pictures: Sequence[Stored], kinds: Sequence[Kind], rng: np.random.Generator) -> list[Stored]:
        """The same window of every picture; class numbers are never mixed."""
        height, width = pictures[0].shape[:2]
        window = self.geometry.draw(rng, height, width) if self.train else self.geometry.whole(height, width)
        return [
            self.geometry.apply(picture, window, "nearest" if kind.colour == "labels" else "")
            for picture, kind in zip(pictures, kinds, strict=True)
        ]

    def draw(self, rng: np.random.Generator) -> Window:
        """The window that ``cut`` would draw from a picture of the load size."""
        return self.geometry.draw(rng, *self.geometry.load_size)

    def tensors(self, source: Stored, target: Stored) -> tuple[Tensor, Tensor]:
        return self.settings.source.to_tensor(source), self.settings.target.to_tensor(target)


class Pictures(ABC):
    """A dataset that reads pictures from files, an example for each of its entries."""

    def __init__(
        self, settings: DataSettings, entries: Sequence[Entry], train: bool, cache: Cache | None = None
    ) -> None:
        self.settings, self.entries = settings, entries
        self.sampler = Sampler(settings, train, cache)

    def __len__(self) -> int:
        return len(self.entries)

    def name(self, index: int) -> str:
        return self.entries[index].name

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return self.sampler.tensors(*self.stored(index, rng))

    @abstractmethod
    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        """What ``sample`` gives, as files hold it."""
