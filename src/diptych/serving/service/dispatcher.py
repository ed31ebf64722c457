"""From a request to the bytes of its answer: small pictures in batches, large ones in a lane of their own."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from diptych.errors import DiptychError, out_of_memory, too_small
from diptych.serving.service.batching import Batcher, Translated
from diptych.serving.service.limits import Limits
from diptych.serving.service.listing import Offer, ServedTranslator
from diptych.serving.service.low_priority import LowPriorityExecutor, PixelBudget
from diptych.serving.service.metrics import Metrics
from diptych.serving.service.pictures import count_pixels, encode, negotiate_type, read_picture
from diptych.serving.service.problems import Problem
from diptych.serving.service.request_body import BodyReader

CODEC_THREADS = min(4, os.cpu_count() or 1)
Result = TypeVar("Result")
Answer = tuple[Translated, bytes, str]


class RequestOptions(NamedTuple):
    """What a request says beside its files."""

    seed: int | None
    size: str
    media_type: str


class Dispatcher:
    """All that translating takes, of one service."""

    def __init__(self, offers: Sequence[Offer], limits: Limits, metrics: Metrics) -> None:
        self.limits, self.metrics = limits, metrics
        self.offers = {offer.name: offer for offer in offers}
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="translate")  # torch has its own team of threads
        self.codec_pool = ThreadPoolExecutor(CODEC_THREADS, thread_name_prefix="code")
        self.bodies = BodyReader()
        way = threading.Event()
        way.set()
        self.lane = LowPriorityExecutor(limits, way)
        self.small, self.large = PixelBudget(limits.pixels_at_once), PixelBudget(limits.pixels_at_once)
        for offer in offers:
            offer.translator.memory = limits.memory
        self.batchers = {
            offer.name: Batcher(partial(translate_many, offer.translator), limits, self.pool, way) for offer in offers
        }

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """Within, what is asked for is done; before the end all has been answered."""
        tasks = [asyncio.create_task(batcher.work()) for batcher in self.batchers.values()]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pool in (self.pool, self.codec_pool, self.lane.pool):
            pool.shutdown()

    def full(self) -> bool:
        return any(batcher.full() for batcher in self.batchers.values())

    async def translate(self, name: str, request: Request, seed: int | None, size: str, accept: str) -> Answer:
        """What a request asks for.

        Raises:
            ClientDisconnect: when who asked has gone; nothing is then done for it any more.
            Problem: when it cannot be; who is to come again is told so after a moment.
        """
        try:
            return await self.translated(name, request, seed, size, accept)
        except Problem as problem:
            refusal = problem.with_traceback(None)  # which would hold the picture meanwhile
        if refusal.status == 503:
            await asyncio.sleep(self.limits.refusal_seconds)
        raise refusal

    async def translated(self, name: str, request: Request, seed: int | None, size: str, accept: str) -> Answer:
        offer = self.offers.get(name)
        if offer is None:
            raise Problem(404, f"there is no translator of that name; there is {', '.join(self.offers)}.")
        media_type = negotiate_type(accept, offer.translator.card.target)
        self.batchers[name].check_room()  # before its body is read
        async with self.bodies.taken(request, self.limits) as files:
            pixels = await self.in_codec_pool(count_pixels, files, offer.translator, size, self.limits)
            large = pixels > self.limits.large
            job, budget = (self.translate_alone, self.large) if large else (self.translate_in_batch, self.small)
            with budget.taken(pixels):
                done, data = await cancel_on_disconnect(
                    request, job(offer, files, RequestOptions(seed, size, media_type))
                )
        if large:
            self.metrics.large.labels(name).inc()
        else:
            self.metrics.batches.labels(name).observe(done.batch)
        self.metrics.translating.labels(name).observe(done.seconds)
        self.metrics.pixels.labels(name).inc(done.pixels)
        return done, data, media_type

    async def translate_in_batch(
        self, offer: Offer, files: dict[str, bytes], asking: RequestOptions
    ) -> tuple[Translated, bytes]:
        """A small picture, with others."""
        picture = await self.in_codec_pool(read_picture, files, offer.translator.card.source, self.limits)
        seen = offer.translator.network_size(picture.shape, asking.size)
        files.clear()
        with explaining():
            done = await self.batchers[offer.name].ask(picture, asking.seed, seen)
        return done, await self.in_codec_pool(encode, done.picture, asking.media_type)

    async def translate_alone(
        self, offer: Offer, files: dict[str, bytes], asking: RequestOptions
    ) -> tuple[Translated, bytes]:
        """A large picture, alone, which lies there decoded only while it is at work."""
        translator = offer.translator.for_large_pictures()

        def work() -> tuple[Translated, bytes]:
            picture = read_picture(files, translator.card.source, self.limits)
            began = perf_counter()
            result = translator.translate_many([picture], size=asking.size, seed=asking.seed)[0]
            return Translated(result, perf_counter() - began, 1), encode(result, asking.media_type)

        with explaining():
            return await self.lane.ask(work)

    async def in_codec_pool(self, work: Callable[..., Result], *given: Any) -> Result:
        """Decode or encode beside the event loop, a few at once: each holds a picture in full."""
        return await asyncio.get_running_loop().run_in_executor(self.codec_pool, work, *given)


def translate_many(
    translator: ServedTranslator, pictures: Sequence[Any], seed: int | None, seen: tuple[int, int]
) -> list[Any]:
    return translator.translate_many(pictures, size=seen, seed=seed)


async def cancel_on_disconnect(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """What ``work`` comes to, which is cancelled as soon as the client goes.

    Raises:
        ClientDisconnect: when it has gone.
    """
    doing = asyncio.create_task(work)
    tasks = (doing, asyncio.create_task(wait_for_disconnect(request)))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientDisconnect
        return doing.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class explaining:
    """What a network says of its input, as the client's problem where it is one."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, DiptychError):
            raise Problem(422, str(problem)) from None
        if problem is not None and out_of_memory(problem):
            raise Problem(413, "the picture is too large for this machine's memory; make it smaller.") from None
        if problem is not None and too_small(problem):
            raise Problem(422, "the picture is too small for this translator; enlarge it.") from None
