"""From a request to the bytes of its answer: small pictures in batches, large ones one at a time at a low priority."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from diptych.errors import DiptychError, out_of_memory, too_small
from diptych.serving.service.batching import Batcher, Translated
from diptych.serving.service.limits import Limits
from diptych.serving.service.listing import Offer
from diptych.serving.service.low_priority import LowPriorityExecutor, PixelBudget
from diptych.serving.service.metrics import Metrics
from diptych.serving.service.pictures import count_pixels, encode, negotiate_type, read_picture
from diptych.serving.service.problems import Problem
from diptych.serving.service.request_body import BodyReader

CODEC_THREADS = min(4, os.cpu_count() or 1)
Result = TypeVar("Result")


class RequestOptions(NamedTuple):
    """What a request says beside its files."""

    seed: int | None
    size: str
    accept: str


class Dispatcher:
    """The queues, threads and budgets of one service."""

    def __init__(self, offers: Sequence[Offer], limits: Limits, metrics: Metrics) -> None:
        self.limits, self.metrics = limits, metrics
        self.offers = {offer.name: offer for offer in offers}
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="translate")  # torch has its own team of threads
        self.codec_pool = ThreadPoolExecutor(CODEC_THREADS, thread_name_prefix="code")
        self.bodies = BodyReader()
        idle = threading.Event()
        idle.set()
        self.large_executor = LowPriorityExecutor(limits, idle)
        self.small, self.large = PixelBudget(limits.pixels_at_once), PixelBudget(limits.pixels_at_once)
        for offer in offers:
            offer.translator.memory = limits.memory
        self.batchers = {offer.name: Batcher(offer.translator, limits, self.pool, idle) for offer in offers}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Requests are translated inside; all have been answered before the end."""
        tasks = [asyncio.create_task(batcher.run()) for batcher in self.batchers.values()]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pool in (self.pool, self.codec_pool, self.large_executor.pool):
            pool.shutdown()

    async def translate(self, name: str, request: Request, options: RequestOptions) -> Response:
        """The translated picture.

        Raises:
            ClientDisconnect: when the client has gone; its work has been stopped.
            Problem: when the request is refused; a 503 comes after a short delay.
        """
        try:
            return await self.dispatch(name, request, options)
        except Problem as problem:
            refusal = problem.with_traceback(None)  # which would hold the picture meanwhile
        if refusal.status == 503:
            await asyncio.sleep(self.limits.refusal_seconds)
        raise refusal

    async def dispatch(self, name: str, request: Request, options: RequestOptions) -> Response:
        offer = self.offers.get(name)
        if offer is None:
            raise Problem(404, f"there is no translator of that name; there is {', '.join(self.offers)}.")
        media_type = negotiate_type(options.accept, offer.translator.card.target)
        self.batchers[name].check_room()  # before its body is read
        async with self.bodies.read(request, self.limits) as files:
            pixels = await self.in_codec_pool(count_pixels, files, offer.translator, options.size, self.limits)
            large = pixels > self.limits.large_pixels
            translate, budget = (self.translate_large, self.large) if large else (self.translate_small, self.small)
            with budget.reserve(pixels):
                done, data = await cancel_on_disconnect(request, translate(offer, files, options, media_type))
        if large:
            self.metrics.large.labels(name).inc()
        else:
            self.metrics.batches.labels(name).observe(done.batch)
        self.metrics.translating.labels(name).observe(done.seconds)
        self.metrics.pixels.labels(name).inc(done.picture.shape[0] * done.picture.shape[1])
        timing = f"translate;dur={done.seconds * 1000:.1f}"
        headers = {"Server-Timing": timing, "Cache-Control": "no-store", "Vary": "Accept"}
        return Response(data, media_type=media_type, headers=headers)

    async def translate_small(
        self, offer: Offer, files: dict[str, bytes], options: RequestOptions, media_type: str
    ) -> tuple[Translated, bytes]:
        """In a batch with others."""
        picture = await self.in_codec_pool(read_picture, files, offer.translator.card.source, self.limits)
        network_size = offer.translator.network_size(picture.shape, options.size)
        files.clear()
        with input_problems():
            done = await self.batchers[offer.name].submit(picture, options.seed, network_size)
        return done, await self.in_codec_pool(encode, done.picture, media_type)

    async def translate_large(
        self, offer: Offer, files: dict[str, bytes], options: RequestOptions, media_type: str
    ) -> tuple[Translated, bytes]:
        """Alone; it is decoded only when its turn comes."""
        translator = offer.translator.for_large_pictures()

        def work() -> tuple[Translated, bytes]:
            picture = read_picture(files, translator.card.source, self.limits)
            started = perf_counter()
            result = translator.translate_many([picture], size=options.size, seed=options.seed)[0]
            return Translated(result, perf_counter() - started, 1), encode(result, media_type)

        with input_problems():
            return await self.large_executor.submit(work)

    async def in_codec_pool(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Decode or encode beside the event loop, a few at once: each holds a whole picture."""
        return await asyncio.get_running_loop().run_in_executor(self.codec_pool, work, *arguments)


async def cancel_on_disconnect(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of ``work``, which is cancelled as soon as the client goes.

    Raises:
        ClientDisconnect: when it has gone.
    """
    working = asyncio.create_task(work)
    tasks = (working, asyncio.create_task(wait_for_disconnect(request)))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@contextmanager
def input_problems() -> Iterator[None]:
    """Turn what a network says of its input into a Problem, where the client can mend it."""
    try:
        yield
    except DiptychError as problem:
        raise Problem(422, str(problem)) from None
    except Exception as problem:
        if out_of_memory(problem):
            raise Problem(413, "the picture is too large for this machine's memory; make it smaller.") from None
        if too_small(problem):
            raise Problem(422, "the picture is too small for this translator; enlarge it.") from None
        raise
