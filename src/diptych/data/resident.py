"""Pictures that stay on the device: read and resized once, kept as bytes, then cropped and mirrored there.

The draws are those of the datasets, from the same generator, so the batches are bitwise the same. Only eight numbers a pair
are copied to the device for a batch. Pictures are loaded when they are first needed, so training begins at once.
"""

import threading
from typing import Literal, TypeGuard

import numpy as np
import torch
from torch import Tensor

from diptych.data.augment import Augment
from diptych.data.datasets import Pairs, Unpaired
from diptych.data.pictures import Dataset
from diptych.data.settings import DataSettings, as_size
from diptych.errors import UsageError
from diptych.pictures.kinds import Batch
from diptych.pictures.resizing import resize
from diptych.pictures.values.batches import have_gaps

Croppable = Pairs | Unpaired
"""Datasets that can say which crops a sample takes, without cutting them."""
PLAIN = ("rgb", "grey", "channels", "slices")  # each value becomes a number by itself
SHARE = 0.25  # of the device's free memory, at most


class Resident:
    """A dataset whose samples are crops as numbers; ``pictures`` cuts a batch of them on the device."""

    def __init__(self, dataset: Croppable, settings: DataSettings, device: torch.device) -> None:
        self.dataset = dataset
        self.settings = settings
        self.device = device
        self.kinds = (settings.source, settings.target)
        self.load_size, self.crop_size = as_size(settings.load_size), as_size(settings.crop_size)
        self.storage = [
            torch.empty((count, *self.load_size, kind.stored_channels), dtype=torch.uint8, device=device)
            for count, kind in zip(dataset.sizes, self.kinds, strict=True)
        ]
        self.bytes = sum(pictures.nbytes for pictures in self.storage)
        self.loaded = [np.zeros(count, dtype=bool) for count in dataset.sizes]
        self.locks = [threading.Lock() for _ in range(64)]
        ramps = (np.arange(256, dtype=np.uint8)[:, None, None].repeat(kind.stored_channels, 2) for kind in self.kinds)
        self.values = [kind.to_tensor(ramp)[0, :, 0].to(device) for kind, ramp in zip(self.kinds, ramps, strict=True)]
        """(256,) each: the network's value of each byte, by the Kind."""

    def __len__(self) -> int:
        return len(self.dataset)

    def name(self, index: int) -> str:
        return self.dataset.name(index)

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Two int64 tensors (4,): the picture's number, top, left, and 1 where it is mirrored."""
        places = self.dataset.crops(index, rng)
        for side, (number, _) in enumerate(places):
            self.load(side, number)
        source, target = (
            torch.from_numpy(np.array([number, window.top, window.left, window.mirrored], dtype=np.int64))
            for number, window in places
        )
        return source, target

    def load(self, side: int, number: int) -> None:
        """Read a picture and copy it to the device, unless it is there."""
        if self.loaded[side][number]:
            return
        with self.locks[number % len(self.locks)]:
            if self.loaded[side][number]:
                return
            picture = np.array(self.dataset.picture(side, number), order="C")
            sized = resize(picture, *self.load_size, self.settings.filter)
            # This copy blocks, since the array's memory may be reused.
            self.storage[side][number].copy_(torch.from_numpy(np.ascontiguousarray(sized)))
            self.loaded[side][number] = True

    def pictures(self, places: Batch) -> Batch:
        """(batch, 4) of crops to (batch, channels, height, width) in [-1, 1], in channels-last memory, on the device."""
        source, target = (self.cut(side, chosen) for side, chosen in enumerate(places))
        return Batch(source, target)

    def cut(self, side: int, places: Tensor) -> Tensor:
        height, width = self.crop_size
        number, top, left, mirrored = places.unbind(1)
        across = torch.arange(width, device=places.device)
        columns = left[:, None] + torch.where(mirrored[:, None] > 0, width - 1 - across, across)
        rows = top[:, None] + torch.arange(height, device=places.device)
        found = self.storage[side][number[:, None, None], rows[:, :, None], columns[:, None, :]]
        return self.values[side][found.long()].permute(0, 3, 1, 2)


def bytes_needed(dataset: Croppable, settings: DataSettings) -> int:
    """Bytes of all pictures on the device."""
    height, width = as_size(settings.load_size)
    kinds = (settings.source, settings.target)
    channels = sum(n * kind.stored_channels for n, kind in zip(dataset.sizes, kinds, strict=True))
    return height * width * channels


def problem_of(dataset: Dataset, settings: DataSettings, free: float) -> str | None:
    """The problem that keeps the pictures from a device with ``free`` bytes, if there is one."""
    kinds = (settings.source, settings.target)
    if not all(kind.colour in PLAIN and kind.depth == "uint8" for kind in kinds):
        return "only 8-bit colours, grey levels and channels stay as they are, and here source or target is made of something else"
    if have_gaps(*kinds):
        return "pixels without data are marked as pictures are read (nodata)"
    if settings.augment != Augment():
        return "data.augment changes them as they are read"
    if settings.shuffle_window:
        return "data.shuffle_window brings them in an order of its own"
    if not isinstance(dataset, Croppable):
        return f'samples are made in another way (data.task = "{settings.task}", or a dataset from Python)'
    if settings.fit != "stretch":
        return 'they are not brought to one size (data.fit = "stretch")'
    if bytes_needed(dataset, settings) > SHARE * free:
        return f"they would take {bytes_needed(dataset, settings) / 2**30:.1f} GiB, more than a quarter of what is free"
    return None


def fits(
    dataset: Dataset, settings: DataSettings, device: torch.device, free: float, wanted: Literal["auto", "on", "off"]
) -> TypeGuard[Croppable]:
    """Whether the pictures of ``dataset`` are kept on ``device``.

    Args:
        free: bytes that are free on the device.
        wanted: "auto" is for CUDA devices.

    Raises:
        UsageError: for "on" where they cannot be.
    """
    if wanted == "off" or (wanted == "auto" and device.type != "cuda"):
        return False
    problem = problem_of(dataset, settings, free)
    if problem and wanted == "on":
        raise UsageError(f"data.resident=on is not possible here: {problem}. Set data.resident to auto or off.")
    return not problem


def resident(
    dataset: Dataset, settings: DataSettings, device: torch.device, free: float, wanted: Literal["auto", "on", "off"]
) -> Resident | None:
    """The dataset on the device, or None where it does not stay there; arguments and errors are those of ``fits``."""
    return Resident(dataset, settings, device) if fits(dataset, settings, device, free, wanted) else None
