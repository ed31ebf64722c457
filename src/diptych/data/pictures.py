"""What datasets share: the cache of decoded pictures, and how they are resized and cropped."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from diptych.data.entries import Entry, File, read
from diptych.data.inventory import Inventory
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


class Splits(Protocol):
    """Where the pictures of a run come from."""

    def train(self) -> Dataset:
        """With random crops and mirroring."""
        ...

    def validation(self) -> Dataset | None:
        """Whole, and the same each time; None where nothing is validated."""
        ...

    def inventory(self) -> Inventory:
        """By what a run knows its data again."""
        ...

    def notes(self) -> Sequence[str]:
        """Sentences for the beginning of a run."""
        ...


GIB = 2**30


class Cache:
    """Decoded pictures up to a stated size, shared by the reading threads; the others are decoded each time.

    They are read-only arrays.
    """

    def __init__(self, gib: float) -> None:
        self.room = int(gib * GIB)
        self.held: dict[tuple[File, Kind], Stored] = {}
        self.lock = threading.Lock()

    def read(self, path: File, kind: Kind) -> Stored:
        """The picture at ``path``; a DiptychError names a file that has vanished or is damaged."""
        held = self.held.get((path, kind))
        if held is not None:
            return held
        picture = read(path, kind)
        picture.flags.writeable = False
        with self.lock:
            if picture.nbytes <= self.room and (path, kind) not in self.held:
                self.held[path, kind] = picture
                self.room -= picture.nbytes
        return picture


class Pictures(ABC):
    """A dataset that reads pictures from files, an example for each of its entries.

    ``train`` draws crops and mirrors, else pictures are taken whole.
    """

    def __init__(self, settings: DataSettings, entries: Sequence[Entry], train: bool) -> None:
        self.settings, self.entries, self.train = settings, entries, train
        sizes = as_size(settings.load_size), as_size(settings.crop_size)
        self.geometry = Geometry(*sizes, settings.fit, settings.mirror, settings.filter)
        self.cache = Cache(settings.cache_gib if train else 0.0)  # for what is read again and again

    def __len__(self) -> int:
        return len(self.entries)

    def name(self, index: int) -> str:
        return self.entries[index].name

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        source, target = self.stored(index, rng)
        return self.settings.source.to_tensor(source), self.settings.target.to_tensor(target)

    @abstractmethod
    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        """What ``sample`` gives, as files hold it."""

    def cut(
        self,
        pictures: Sequence[Stored],
        kinds: Sequence[Kind],
        rng: np.random.Generator,
        inside: npt.NDArray[np.bool_] | None = None,
    ) -> list[Stored]:
        """The same window of every picture, and in training the same moves; class numbers are never mixed.

        The middle of a window in training is drawn within ``inside``, (H, W), where that is given.
        """
        height, width = pictures[0].shape[:2]
        augment, move = self.settings.augment, None
        if self.train:
            window = self.geometry.draw(rng, height, width, augment.factor(rng))
            window = window if inside is None else self.geometry.within(window, inside, rng)
            move = augment.draw(rng, self.geometry.crop_size)
        else:
            window = self.geometry.whole(height, width)
        return [
            self.geometry.apply(picture, window, "nearest" if kind.colour == "labels" else "", move)
            for picture, kind in zip(pictures, kinds, strict=True)
        ]

    def draw(self, rng: np.random.Generator) -> Window:
        """The window that ``cut`` would draw from a picture of the load size."""
        return self.geometry.draw(rng, *self.geometry.load_size)
