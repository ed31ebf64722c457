"""Asking a run to end from outside."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

SAID = "\nStopping after this step, and saving. Once more stops at once and saves nothing.\n"


def stop_on_signals(interrupt: Callable[[], None]) -> None:
    """The first Ctrl-C (or SIGTERM) calls ``interrupt``, which should end the run, saved; a second one ends it at once."""

    def request(number: int, frame: FrameType | None) -> None:
        interrupt()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request)


def tell() -> None:
    """Past Python's buffers, which what was interrupted may hold."""
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), SAID.encode())
