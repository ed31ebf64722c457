"""What a run knows of datasets that were given in Python: how many items there are, and what some of them hold."""

import hashlib
from dataclasses import replace

import numpy as np
from torch import Tensor

from diptych.data.given.dataset import Given, Items
from diptych.data.given.seeds import generators_state
from diptych.data.inventory import DATASET, VALIDATION_DATASET, Inventory
from diptych.data.settings import DataSettings
from diptych.errors import UsageError


class GivenSplits:
    """Training and validation pictures that were given in Python.

    Args:
        settings: of the recipe, which names no folder.
        dataset: to train on.
        validation: to validate on; None validates nothing.

    Raises:
        UsageError: for what is no dataset.
    """

    def __init__(self, settings: DataSettings, dataset: Items, validation: Items | None = None) -> None:
        self.settings = settings
        self.training = Given(settings, dataset, DATASET, train=True)
        self.validating = None if validation is None else Given(settings, validation, VALIDATION_DATASET, train=False)

    def train(self) -> Given:
        return self.training

    def validation(self) -> Given | None:
        return self.validating

    def inventory(self) -> Inventory:
        """A digest of some items of each: number 0, 1, 2, 4, 8, ..., and the last. So items that are added at the end show as such.

        Raises:
            UsageError: when an item is wrong, or another when it is read again.
        """
        given = [self.training, *([self.validating] if self.validating is not None else [])]
        return {one.what: {f"item {index}": [digest(one, index)] for index in looked_at(len(one))} for one in given}

    def notes(self) -> list[str]:
        """Sentences on what will be trained on."""
        held_out = "none to validate on, so there are no scores, sample grids, best checkpoint and early stopping (validation=)"
        if self.validating is not None:
            held_out = f"{len(self.validating)} items to validate on"
        notes = [f"Pictures come from Python: {len(self.training)} items to train on, {held_out}."]
        first = [self.training.item(index, np.random.default_rng(0)) for index in looked_at(len(self.training))]
        values = [side for item in first for side in item if isinstance(side, Tensor) and side.is_floating_point()]
        if values and min(float(value.min()) for value in values) >= 0:
            notes.append(
                "No value of these tensors is below 0. Networks take [-1, 1]: give 2 * x - 1 where yours are in [0, 1]."
            )
        return notes


def looked_at(count: int) -> list[int]:
    return sorted({0, *(1 << power for power in range(count.bit_length()) if 1 << power < count), count - 1})


def digest(given: Given, index: int) -> int:
    """48 bits that stand for the content of an item."""
    found = set()
    for _ in range(2):
        before = generators_state()
        item = given.item(index, np.random.default_rng([index]))
        if generators_state() != before:
            raise UsageError(
                f"item {index} of the {given.what} draws random numbers, which threads would mix up; "
                f"set data.workers=0, or draw none (arrays are cropped and mirrored at random here)."
            )
        sum_of = hashlib.blake2b(digest_size=6)
        for side in item:
            array = side.numpy() if isinstance(side, Tensor) else side
            sum_of.update(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        found.add(int.from_bytes(sum_of.digest(), "big"))
    if len(found) > 1:
        raise UsageError(
            f"item {index} of the {given.what} is another each time that it is read, so no run could be repeated or resumed; draw "
            f"random numbers from random, numpy.random or torch as they are, without a generator or a seed of your own."
        )
    return found.pop()


def for_items(settings: DataSettings) -> DataSettings:
    """The settings where pictures come from Python: no folder, and items are read in the thread of training unless stated."""
    return replace(settings, folder="", workers=max(settings.workers, 0))
