"""Windowed shuffling for shards that are downloaded: shards are shuffled, and examples within a few of them."""

import numpy as np
import numpy.typing as npt

from diptych.data.entries import Entry, Member, Shard
from diptych.data.pictures import Pictures
from diptych.pictures.kinds import Stored


class WindowShuffle(Pictures):
    """A dataset in an order that needs only ``window`` shards at a time, each once an epoch."""

    def __init__(self, dataset: Pictures, window: int) -> None:
        super().__init__(dataset.settings, dataset.entries, dataset.train)
        self.dataset = dataset
        groups: dict[str, list[int]] = {}
        for index, entry in enumerate(dataset.entries):
            groups.setdefault(shard_of(entry).name, []).append(index)
        self.groups = [np.array(groups[name]) for name in sorted(groups)]
        self.window = window
        self.examples_ahead = window * max(map(len, self.groups))
        """Examples after which the next window has begun."""

    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        return self.dataset.stored(index, rng)

    def order(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """A permutation: ``window`` shards at a time, their examples mixed; a plain one if all fit in one window."""
        if self.window >= len(self.groups):
            return rng.permutation(len(self))
        turns = rng.permutation(len(self.groups))
        parts = []
        for start in range(0, len(turns), self.window):
            together = np.concatenate([self.groups[turn] for turn in turns[start : start + self.window]])
            parts.append(together[rng.permutation(len(together))])
        return np.concatenate(parts)

    def prefetch(self, index: int) -> None:
        """Download the shard of an example that will be read soon."""
        shard_of(self.entries[index]).prefetch()


def shard_of(entry: Entry) -> Shard:
    file = entry.a[0]
    assert isinstance(file, Member)
    return file.shard
