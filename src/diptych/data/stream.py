"""An endless, resumable stream of batches: sample p depends on (dataset, seed, p) only.

Position p belongs to epoch p // n; a permutation addressed by (seed, epoch) says which picture it is, and a generator
addressed by (seed, p) draws its crop. So the number of workers, the place where a run starts and the number of
processes change nothing, and there is nothing to store. Workers are threads: decoding and resizing release the
interpreter lock, they share the cache, and nothing is sent between processes.
"""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from diptych.data.pictures import Dataset
from diptych.data.shards.windows import WindowShuffle
from diptych.machine.threads import usable_cores
from diptych.pictures.kinds import Batch

FEWEST_WORKERS, MOST_WORKERS = 2, 8  # where their number is not stated
AHEAD = 2  # batches in hand for each worker
CPU = torch.device("cpu")
PERMUTATION, SAMPLE = 1, 2  # kinds of draw, so that no two share an address


class Positions:
    """The sample at each position of the stream."""

    def __init__(self, dataset: Dataset, seed: int, device: torch.device = CPU) -> None:
        self.dataset = dataset
        self.seed = seed
        self.device = device
        self.order = lru_cache(maxsize=4)(self.draw_order)

    def draw_order(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, PERMUTATION, epoch])
        if isinstance(self.dataset, WindowShuffle):
            return self.dataset.order(rng)
        return rng.permutation(len(self.dataset))

    def index(self, position: int) -> int:
        epoch, place = divmod(position, len(self.dataset))
        return int(self.order(epoch)[place])

    def sample(self, position: int) -> tuple[Tensor, Tensor]:
        if isinstance(self.dataset, WindowShuffle):
            self.dataset.prefetch(self.index(position + self.dataset.examples_ahead))
        rng = np.random.default_rng([self.seed, SAMPLE, position])
        return self.dataset.sample(self.index(position), rng)

    def batch(self, start: int, size: int) -> Batch:
        sources, targets = zip(*(self.sample(start + offset) for offset in range(size)), strict=True)
        return Batch(stacked(sources, self.device), stacked(targets, self.device))


def stacked(pictures: Sequence[Tensor], device: torch.device = CPU) -> Tensor:
    """Stack by numpy: torch.stack would start threads in each worker, which take cores from training.

    Batches for a GPU are in pinned memory, so that copying them does not block the trainer.
    """
    arrays = [picture.numpy() for picture in pictures]
    if device.type != "cuda":
        return torch.from_numpy(np.stack(arrays))
    with torch.cuda.device(device):  # the current device is a thread's own, and would be the first GPU
        room = torch.empty((len(arrays), *arrays[0].shape), dtype=pictures[0].dtype, pin_memory=True)
    np.stack(arrays, out=room.numpy())
    return room


def chosen_workers(cores: int = 0) -> int:
    """Half of the cores that this process may use, from two to eight: the other half is the trainer's."""
    cores = cores or usable_cores()
    return max(FEWEST_WORKERS, min(MOST_WORKERS, cores // 2))


def stream(
    dataset: Dataset,
    batch_size: int,
    seed: int,
    start: int = 0,
    workers: int = -1,
    rank: int = 0,
    world: int = 1,
    device: torch.device = CPU,
) -> Generator[Batch, None, None]:
    """Batches from ``start`` on, without end.

    Args:
        start: batches already taken by each process.
        workers: threads that read ahead; 0 reads when asked, -1 is as many as the machine suggests.
        rank, world: this process among those that share the stream; positions are dealt out batch by batch.
        device: where the batches will be copied to.

    A failure in a worker is raised here when its batch is due. Closing the iterator ends the threads.
    """
    positions = Positions(dataset, seed, device)
    workers = chosen_workers() if workers < 0 else workers

    def batch(number: int) -> Batch:
        return positions.batch((number * world + rank) * batch_size, batch_size)

    if workers == 0:
        while True:
            yield batch(start)
            start += 1
    pool = ThreadPoolExecutor(workers, thread_name_prefix="diptych-data")
    try:
        held: deque[Future[Batch]] = deque()
        while True:
            while len(held) < AHEAD * workers:
                held.append(pool.submit(batch, start + len(held)))
            due = held.popleft()
            start += 1
            yield due.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
