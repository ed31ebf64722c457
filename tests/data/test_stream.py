"""Addressing: sample p depends on (dataset, seed, p) only, whatever the workers, the start and the ranks."""

import threading
from contextlib import closing, nullcontext
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor

from diptych.data import stream
from diptych.data.stream import chosen_workers, stacked
from diptych.errors import DiptychError
from diptych.pictures.kinds import Batch

PINNED_ORDER = [4, 2, 0, 6, 5, 3, 1]
PINNED_DRAWS = [0.5000032, 0.7668465, 0.9394019, 0.7778143]


class Numbers:
    """The source says which example it is, the target what was drawn."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return torch.full((1, 1, 1), float(index)), torch.from_numpy(rng.random((1, 2, 2), dtype=np.float32))

    def name(self, index: int) -> str:
        return str(index)


class Breaking(Numbers):
    """One example cannot be read."""

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        if index == 3:
            raise DiptychError("3.png is truncated.")
        return super().sample(index, rng)


def take(
    count: int,
    batches: int,
    size: int,
    *,
    seed: int = 0,
    start: int = 0,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
) -> list[Batch]:
    with closing(stream(Numbers(count), size, seed, start, workers, rank, world)) as endless:
        return list(islice(endless, batches))


def flat(batches: list[Batch]) -> tuple[Tensor, Tensor]:
    return torch.cat([batch.source for batch in batches]), torch.cat([batch.target for batch in batches])


def same(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> bool:
    return torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    count=some.integers(1, 9),
    size=some.integers(1, 4),
    start=some.integers(0, 30),
    workers=some.sampled_from([0, 1, 4]),
    seed=some.integers(0, 2**31),
)
def test_start_and_workers_change_nothing(count: int, size: int, start: int, workers: int, seed: int) -> None:
    whole = take(count, start + 4, size, seed=seed)
    assert same(flat(whole[start:]), flat(take(count, 4, size, seed=seed, start=start, workers=workers)))


@settings(deadline=None, derandomize=True, max_examples=40)
@given(count=some.integers(1, 9), size=some.integers(1, 3), world=some.integers(1, 4), start=some.integers(0, 5))
def test_ranks_deal_out_the_positions_of_one_large_batch(count: int, size: int, world: int, start: int) -> None:
    alone = take(count, 3, size * world, start=start)
    ranks = [take(count, 3, size, start=start, rank=rank, world=world, workers=1) for rank in range(world)]
    dealt = [batch for step in zip(*ranks, strict=True) for batch in step]
    assert same(flat(alone), flat(dealt))


@settings(deadline=None, derandomize=True, max_examples=40)
@given(count=some.integers(1, 12), size=some.integers(1, 5), seed=some.integers(0, 2**31))
def test_every_epoch_holds_each_example_once(count: int, size: int, seed: int) -> None:
    indices = flat(take(count, 3 * count, size, seed=seed))[0].flatten().tolist()
    for epoch in range(3):
        assert sorted(indices[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_epochs_and_seeds_differ() -> None:
    first, draws = flat(take(50, 100, 1))
    assert not torch.equal(first[:50], first[50:])
    assert len(torch.unique(draws)) > 380
    assert not torch.equal(first, flat(take(50, 100, 1, seed=1))[0])


def test_the_stream_of_a_seed_is_pinned() -> None:
    """A change here would make every stored run resume with other samples."""
    indices, draws = flat(take(7, 7, 1, seed=5))
    assert indices.flatten().tolist() == PINNED_ORDER
    assert draws[3].flatten().tolist() == pytest.approx(PINNED_DRAWS, abs=1e-6)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_a_failure_comes_out_when_its_batch_is_due(workers: int) -> None:
    order = flat(take(6, 6, 1))[0].flatten().tolist()
    with closing(stream(Breaking(6), 1, 0, 0, workers)) as endless:
        good = [next(endless) for _ in range(order.index(3.0))]
        assert flat(good)[0].flatten().tolist() == order[: len(good)]
        with pytest.raises(DiptychError, match="truncated"):
            next(endless)


def names_of_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("diptych-data")]


def test_closing_ends_the_threads() -> None:
    endless = stream(Numbers(9), 2, 0, 0, 4)
    next(endless)
    assert names_of_threads()
    endless.close()
    assert not names_of_threads()


def test_reading_ahead_is_bounded() -> None:
    seen: list[int] = []

    class Counting(Numbers):
        def sample(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
            seen.append(index)
            return super().sample(index, rng)

    with closing(stream(Counting(100), 1, 0, 0, 2)) as endless:
        next(endless)
    assert len(seen) <= 5  # two workers, two batches each, and one that was taken


@pytest.mark.parametrize(("cores", "workers"), [(1, 2), (2, 2), (8, 4), (16, 8), (128, 8)])
def test_the_machine_suggests_the_workers(cores: int, workers: int) -> None:
    assert chosen_workers(cores) == workers
    assert chosen_workers() >= 2


def test_workers_of_the_machine_change_nothing() -> None:
    assert same(flat(take(7, 9, 2, workers=0)), flat(take(7, 9, 2, workers=-1)))


def test_what_goes_to_a_gpu_waits_in_memory_that_it_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no such memory here, so what is asked for is seen, and the pictures are."""
    asked: list[bool] = []
    plain = torch.empty

    def empty(*given: Any, pin_memory: bool, **more: Any) -> torch.Tensor:
        asked.append(pin_memory)
        return plain(*given, **more)

    monkeypatch.setattr(torch, "empty", empty)
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    pictures = [torch.arange(6, dtype=torch.int32).view(1, 2, 3) + 10 * number for number in range(3)]
    found = stacked(pictures, torch.device("cuda", 1))
    assert asked == [True]
    assert torch.equal(found, torch.stack(pictures))
    assert torch.equal(stacked(pictures), found)
