"""Requests become batches: pictures that the network sees at one size and that come close together are translated at once."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from diptych.pictures.kinds import Stored
from diptych.serving.service.limits import Limits
from diptych.serving.service.problems import busy_problem, timeout_problem

Translate = Callable[[Sequence[Stored], int | None, tuple[int, int]], list[Stored]]
Key = tuple[tuple[int, int], int | None]


@dataclass(eq=False)
class QueuedPicture:
    """A picture that waits."""

    picture: Stored
    seed: int | None
    seen: tuple[int, int]
    """(height, width) at which the network sees it."""
    result: "asyncio.Future[Translated]"
    began: float | None = None
    """When its own computing did, by time.perf_counter()."""

    @property
    def key(self) -> Key:
        """Pictures of one key may share a batch: each comes out as it would alone."""
        return self.seen, self.seed

    @property
    def pixels(self) -> int:
        """Of what takes more memory, the picture or what the network sees."""
        return area(self.picture, self.seen)


@dataclass(frozen=True)
class Translated:
    """A result, and what it took."""

    picture: Stored
    seconds: float
    batch: int

    @property
    def pixels(self) -> int:
        """Of the result."""
        return int(self.picture.shape[0] * self.picture.shape[1])


@dataclass
class Batcher:
    """The queue of one translator; ``work`` must run as a task of the same event loop."""

    translate: Translate
    limits: Limits
    pool: Executor
    way: threading.Event = field(default_factory=threading.Event)
    """Set while nothing is translated, for large pictures that give way."""
    waiting: deque[QueuedPicture] = field(default_factory=deque)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    mean_seconds: float = 0.1
    """Of one picture, lately."""

    async def ask(self, picture: Stored, seed: int | None, seen: tuple[int, int]) -> Translated:
        """The translation of a picture that the network is to see at that (height, width).

        Raises:
            Problem: 503 when the queue is full, or it waited too long; 413 when its own computing took too long.
        """
        self.check_room()
        asked = QueuedPicture(picture, seed, seen, asyncio.get_running_loop().create_future())
        self.waiting.append(asked)
        self.came.set()
        try:
            return await asyncio.wait_for(asked.result, self.limits.seconds)
        except TimeoutError:
            raise timeout_problem(asked.began, self.limits.seconds, len(self.waiting) * self.mean_seconds) from None

    def full(self) -> bool:
        """Whether one more must come again."""
        return len(self.waiting) >= self.limits.queue

    def check_room(self) -> None:
        """Raises: Problem, 503, when one more must come again."""
        if self.full():
            raise busy_problem(len(self.waiting) * self.mean_seconds)

    async def work(self) -> None:
        """Translate what comes, for ever."""
        while True:
            await self.came.wait()
            await self.run(await self.gather())
            if not self.waiting:
                self.came.clear()

    async def gather(self) -> list[QueuedPicture]:
        """The first that waits and those like it, after a moment for others to come."""
        if len(self.waiting) < self.limits.batch:
            await asyncio.sleep(self.limits.gather_seconds)
        first = next((asked for asked in self.waiting if not asked.result.done()), None)
        chosen = [asked for asked in self.waiting if first and asked.key == first.key and not asked.result.done()]
        chosen = chosen[: min(self.limits.batch, self.fitting(first))]
        taken = {id(asked) for asked in chosen}
        self.waiting = deque(asked for asked in self.waiting if id(asked) not in taken and not asked.result.done())
        return chosen

    def fitting(self, first: QueuedPicture | None) -> int:
        """How many pictures like it a batch may have."""
        return max(1, self.limits.batch_pixels // first.pixels) if first else 1

    async def run(self, group: list[QueuedPicture]) -> None:
        group = [asked for asked in group if not asked.result.done()]
        if not group:
            return
        began = time.perf_counter()
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(self.pool, self.translated, group)
        except Exception as problem:
            if len(group) > 1:  # one of them may be at fault, or all together too large
                for asked in group:
                    await self.run([asked])
            elif not group[0].result.done():
                group[0].result.set_exception(problem)
            return
        seconds = time.perf_counter() - began
        self.mean_seconds += 0.2 * (seconds / len(group) - self.mean_seconds)
        for asked, result in zip(group, results, strict=True):
            if not asked.result.done():  # its client may have gone
                asked.result.set_result(Translated(result, seconds, len(group)))

    def translated(self, group: Sequence[QueuedPicture]) -> list[Stored]:
        """On the pool's thread, which other translators may have kept busy until now."""
        for asked in group:
            asked.began = time.perf_counter()
        self.way.clear()
        try:
            return self.translate([asked.picture for asked in group], group[0].seed, group[0].seen)
        finally:
            self.way.set()


def area(picture: Stored, seen: tuple[int, int]) -> int:
    return max(int(picture.shape[0] * picture.shape[1]), seen[0] * seen[1])
