"""A dataset of one's own in the place of a folder's.

An item is two tensors as networks see them, of the size of training's crops, or two arrays as files hold them, which are resized,
cropped, mirrored and augmented as those of a folder. What an item draws from the generators of random, numpy.random and torch is addressed
by its position. With threads (``data.workers``) that cannot be, so there it may draw nothing.
"""

from typing import Any, Protocol

import numpy as np
from torch import Tensor

from diptych.data.derived import matching_crops
from diptych.data.given.checks import as_seen, as_stored, check_augment, what_is
from diptych.data.given.seeds import seeded_generators
from diptych.data.pictures import Pictures
from diptych.data.settings import DataSettings, as_size
from diptych.errors import UsageError
from diptych.pictures.kinds import Stored

Item = tuple[Tensor, Tensor] | tuple[Stored, Stored]


class Items(Protocol):
    """What may be given, such as a ``torch.utils.data.Dataset``."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class Given(Pictures):
    """A dataset of one's own, in the place of a folder's.

    Args:
        settings: of the recipe; Kinds, sizes, fit and mirroring are those of a folder.
        items: what was given.
        what: "dataset" or "validation dataset", for messages.
        train: random crops, mirroring and augmentation for arrays.

    Raises:
        UsageError: for what has no length or items, or has none.
    """

    def __init__(self, settings: DataSettings, items: Items, what: str, train: bool) -> None:
        super().__init__(settings, (), train)
        if not (hasattr(items, "__len__") and hasattr(items, "__getitem__")):
            raise UsageError(f"the {what} is {type(items).__name__}; give something with __len__ and __getitem__.")
        if not len(items):
            raise UsageError(f"the {what} is empty: its __len__ gives 0.")
        self.items, self.what = items, what
        self.seeds = settings.workers == 0 or not train
        """Whether items are read in the thread of training, and so may draw random numbers."""

    def __len__(self) -> int:
        return len(self.items)

    def name(self, index: int) -> str:
        return str(index)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        source, target = self.item(index, rng)
        if isinstance(source, np.ndarray) and isinstance(target, np.ndarray):
            source, target = self.crops(source, target, rng)
            return self.settings.source.to_tensor(source), self.settings.target.to_tensor(target)
        assert isinstance(source, Tensor)
        assert isinstance(target, Tensor)
        return source, target

    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        """As files hold it, also of tensors."""
        settings = self.settings
        source, target = self.sample(index, rng)
        return settings.source.to_stored(source), settings.target.to_stored(target)

    def crops(self, source: Stored, target: Stored, rng: np.random.Generator) -> tuple[Stored, Stored]:
        settings = self.settings
        if settings.task == "shrunk":
            return matching_crops(target, source, settings, self.train, rng)
        if settings.task == "unpaired":
            return self.cut([source], [settings.source], rng)[0], self.cut([target], [settings.target], rng)[0]
        source, target = self.cut([source, target], [settings.source, settings.target], rng)
        return settings.augment.coloured(source, settings.source, rng) if self.train else source, target

    def item(self, index: int, rng: np.random.Generator) -> Item:
        """The item itself, checked; all chance is from ``rng``'s seed, from which nothing is drawn.

        Raises:
            UsageError: naming the item, and what is wrong with it.
        """
        name = f"item {index} of the {self.what}"
        try:
            if self.seeds:
                with seeded_generators(rng):
                    given = self.items[index]
            else:
                given = self.items[index]
        except Exception as problem:
            problem.add_note(f"This came from {name}.")
            raise
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise UsageError(f"{name} is {what_is(given)}; give (source, target).")
        source, target = given
        if self.train:
            check_augment(self.settings, (source, target), name)
        if isinstance(source, Tensor) and isinstance(target, Tensor):
            return self.tensors(source, target, name)
        if isinstance(source, np.ndarray) and isinstance(target, np.ndarray):
            return self.arrays(source, target, name)
        raise UsageError(
            f"{name} has {what_is(source)} and {what_is(target)}; give two tensors (channels, height, width) in [-1, 1], or "
            f"two numpy arrays (height, width, channels), such as numpy.asarray(picture)."
        )

    def tensors(self, source: Tensor, target: Tensor, name: str) -> tuple[Tensor, Tensor]:
        height, width = as_size(self.settings.crop_size)
        scale = self.settings.scale
        small = (height // scale, width // scale)
        return (
            as_seen(source, self.settings.source, small, f"the source of {name}"),
            as_seen(target, self.settings.target, (height, width), f"the target of {name}"),
        )

    def arrays(self, source: Stored, target: Stored, name: str) -> tuple[Stored, Stored]:
        settings = self.settings
        source = as_stored(source, settings.source, "source", name)
        target = as_stored(target, settings.target, "target", name)
        if settings.task == "unpaired":
            return source, target
        (height, width), scale = target.shape[:2], settings.scale
        if (source.shape[0] * scale, source.shape[1] * scale) != (height, width):
            factor = f", and data.factor is {scale}" if scale > 1 else "; both must be of one size"
            raise UsageError(
                f"{name} has a source of {source.shape[1]}x{source.shape[0]} and a target of {width}x{height}{factor}."
            )
        if scale > 1 and min(height, width) < min(as_size(settings.crop_size)):
            raise UsageError(f"the target of {name} is {width}x{height}, smaller than data.crop_size.")
        if (
            settings.source.colour == "holed"
            and settings.fit != "none"
            and (height, width) != as_size(settings.load_size)
        ):
            raise UsageError(f"{name} is {width}x{height}, and pictures with holes are not resized; set data.fit=none.")
        return source, target
