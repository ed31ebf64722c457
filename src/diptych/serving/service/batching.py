"""Requests become batches: pictures of one network size that come close together are translated at once."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from diptych.pictures.kinds import Stored
from diptych.serving.service.limits import Limits
from diptych.serving.service.problems import busy_problem, timeout_problem
from diptych.translator.scaling import TranslatorBase


@dataclass(eq=False)
class QueuedPicture:
    """A picture that waits."""

    picture: Stored
    seed: int | None
    network_size: tuple[int, int]
    """(height, width) at which the network sees it."""
    result: "asyncio.Future[Translated]"
    started: float | None = None
    """When its own computing did, by time.perf_counter()."""

    @property
    def key(self) -> tuple[tuple[int, int], int | None]:
        """Pictures of one key may share a batch: each comes out as it would alone."""
        return self.network_size, self.seed

    @property
    def pixels(self) -> int:
        """Of the picture or of its network size, whichever is more."""
        (height, width), (tall, wide) = self.picture.shape[:2], self.network_size
        return max(int(height * width), tall * wide)


@dataclass(frozen=True)
class Translated:
    """A result, its time, and the size of its batch."""

    picture: Stored
    seconds: float
    batch: int


@dataclass
class Batcher:
    """The queue of one translator; ``run`` must be a task of the same event loop."""

    translator: TranslatorBase
    limits: Limits
    pool: Executor
    idle: threading.Event
    """Set while nothing is translated here; large pictures wait for it."""
    waiting: deque[QueuedPicture] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    mean_seconds: float = 0.1
    """Time of one picture, a running mean."""

    async def submit(self, picture: Stored, seed: int | None, network_size: tuple[int, int]) -> Translated:
        """Translate a picture that the network is to see at that (height, width).

        Raises:
            Problem: 503 when the queue is full, or it waited too long; 413 when its own computing took too long.
        """
        self.check_room()
        queued = QueuedPicture(picture, seed, network_size, asyncio.get_running_loop().create_future())
        self.waiting.append(queued)
        self.arrived.set()
        try:
            return await asyncio.wait_for(queued.result, self.limits.seconds)
        except TimeoutError:
            raise timeout_problem(queued.started, self.limits.seconds, self.expected_wait) from None

    @property
    def expected_wait(self) -> float:
        """Seconds until all that waits is done."""
        return len(self.waiting) * self.mean_seconds

    def check_room(self) -> None:
        """Raises: Problem, 503, when the queue is full."""
        if len(self.waiting) >= self.limits.queue:
            raise busy_problem(self.expected_wait)

    async def run(self) -> None:
        """Translate what arrives, for ever."""
        while True:
            await self.arrived.wait()
            await self.run_batch(await self.next_batch())
            if not self.waiting:
                self.arrived.clear()

    async def next_batch(self) -> list[QueuedPicture]:
        """The first that waits and those like it, after a moment in which others may arrive."""
        if len(self.waiting) < self.limits.batch:
            await asyncio.sleep(self.limits.batch_wait_seconds)
        waiting = [queued for queued in self.waiting if not queued.result.done()]
        if not waiting:
            self.waiting.clear()
            return []
        first = waiting[0]
        size = min(self.limits.batch, max(1, self.limits.batch_pixels // first.pixels))
        batch = [queued for queued in waiting if queued.key == first.key][:size]
        taken = {id(queued) for queued in batch}
        self.waiting = deque(queued for queued in waiting if id(queued) not in taken)
        return batch

    async def run_batch(self, batch: list[QueuedPicture]) -> None:
        batch = [queued for queued in batch if not queued.result.done()]
        if not batch:
            return
        started = time.perf_counter()
        try:
            results = await asyncio.get_running_loop().run_in_executor(self.pool, self.translate, batch)
        except Exception as problem:
            if len(batch) > 1:  # one of them may be at fault, or all together too large
                for queued in batch:
                    await self.run_batch([queued])
            elif not batch[0].result.done():
                batch[0].result.set_exception(problem)
            return
        seconds = time.perf_counter() - started
        self.mean_seconds += 0.2 * (seconds / len(batch) - self.mean_seconds)
        for queued, result in zip(batch, results, strict=True):
            if not queued.result.done():  # its client may have gone
                queued.result.set_result(Translated(result, seconds, len(batch)))

    def translate(self, batch: Sequence[QueuedPicture]) -> list[Stored]:
        """On the pool's thread, which other translators may have kept busy until now."""
        for queued in batch:
            queued.started = time.perf_counter()
        self.idle.clear()
        try:
            pictures = [queued.picture for queued in batch]
            return self.translator.translate_many(pictures, size=batch[0].network_size, seed=batch[0].seed)
        finally:
            self.idle.set()
