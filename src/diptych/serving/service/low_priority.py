"""Large pictures: one at a time, beside the small ones and behind them, and no longer than somebody waits for them."""

import asyncio
import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from diptych.machine.interrupts import Stop, StoppedError, stoppable
from diptych.serving.service.limits import Limits
from diptych.serving.service.problems import busy_problem, timeout_problem

NICE = 10
"""Of the thread that large pictures have, and of those that torch starts for it: about a tenth of what others get."""
PATIENCE = 0.1
"""Seconds for which one operation on a large picture at most waits for small ones, so that they cannot starve it."""
Result = TypeVar("Result")


class PixelBudget:
    """Pixels in hand, from a picture's header to its answer: bounded before any of them is decoded."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0
        self.seconds_per_pixel = 1e-6
        """Lately."""

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Within, so many more are held; one picture is always taken.

        Raises:
            Problem: 503 when others leave no room.
        """
        if self.held and self.held + pixels > self.most:
            raise busy_problem(self.held * self.seconds_per_pixel)
        self.held += pixels
        began = time.perf_counter()
        try:
            yield
            self.seconds_per_pixel += 0.2 * ((time.perf_counter() - began) / pixels - self.seconds_per_pixel)
        finally:
            self.held -= pixels


class LowPriorityExecutor:
    """A thread for large pictures, on which all that is to be done for one is done."""

    def __init__(self, limits: Limits, way: threading.Event) -> None:
        """``way`` is set while no small picture is translated."""
        self.limits, self.way = limits, way
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="large", initializer=lower_priority)

    async def ask(self, work: Callable[[], Result]) -> Result:
        """What ``work`` comes to; it is stopped when its time is over, or when who asks is cancelled.

        Raises:
            Problem: 413 when it took too long, 503 when it waited too long.
        """
        stop, began = Stop(self.way, PATIENCE), []

        def done() -> Result:
            began.append(time.perf_counter())
            with suppress(StoppedError), stoppable(stop):
                return work()
            raise StoppedError  # anew: the trace of the first one would hold all that was at work

        future = asyncio.get_running_loop().run_in_executor(self.pool, done)
        try:
            return await asyncio.wait_for(future, self.limits.seconds)
        except TimeoutError:
            raise timeout_problem(began[0] if began else None, self.limits.seconds) from None
        finally:
            stop.ask()
            self.pool.submit(trim_memory)


def lower_priority() -> None:
    """Of this thread; other systems than Linux have no such rank for single threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def trim_memory() -> None:
    """Memory that is free goes back to the system, which glibc by itself would keep for the next picture."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL("libc.so.6").malloc_trim(0)
