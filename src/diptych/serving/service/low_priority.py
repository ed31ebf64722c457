"""Large pictures: one at a time, at a lower priority than small ones, and stopped when nobody waits for them any more."""

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
"""Of the thread for large pictures and of those that torch starts for it: about a tenth of what others get."""
PATIENCE = 0.1
"""Seconds that one operation on a large picture waits for small ones at most, so that they cannot starve it."""
Result = TypeVar("Result")


class PixelBudget:
    """Pixels in progress, from a picture's header to its answer: bounded before any of them is decoded."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self.seconds_per_pixel = 1e-6
        """A running mean."""

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Hold so many more; one picture is always accepted.

        Raises:
            Problem: 503 when others leave no room.
        """
        if self.held and self.held + pixels > self.limit:
            raise busy_problem(self.held * self.seconds_per_pixel)
        self.held += pixels
        started = time.perf_counter()
        try:
            yield
            self.seconds_per_pixel += 0.2 * ((time.perf_counter() - started) / pixels - self.seconds_per_pixel)
        finally:
            self.held -= pixels


class LowPriorityExecutor:
    """One thread for large pictures, which decodes, translates and encodes them."""

    def __init__(self, limits: Limits, idle: threading.Event) -> None:
        """``idle`` is set while no small picture is translated."""
        self.limits, self.idle = limits, idle
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="large", initializer=lower_priority)

    async def submit(self, work: Callable[[], Result]) -> Result:
        """Run ``work``; it is stopped when its time is over, or when the caller is cancelled.

        Raises:
            Problem: 413 when it took too long, 503 when it waited too long.
        """
        stop, started = Stop(self.idle, PATIENCE), []

        def run() -> Result:
            started.append(time.perf_counter())
            with suppress(StoppedError), stoppable(stop):
                return work()
            raise StoppedError  # a new one: the traceback of the first would hold the pictures

        future = asyncio.get_running_loop().run_in_executor(self.pool, run)
        try:
            return await asyncio.wait_for(future, self.limits.seconds)
        except TimeoutError:
            raise timeout_problem(started[0] if started else None, self.limits.seconds) from None
        finally:
            stop.ask()
            self.pool.submit(trim_memory)


def lower_priority() -> None:
    """Of this thread alone, which only Linux can."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def trim_memory() -> None:
    """Give free memory back to the system; glibc alone would keep it for the next picture."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL("libc.so.6").malloc_trim(0)
