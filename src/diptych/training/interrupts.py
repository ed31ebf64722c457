"""Asking a run to end from outside."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

SAID = "\nStopping after this step, and saving. Once more stops at once and saves nothing.\n"


def stop_on_signals(interrupt: Callable[[], None]) -> None:
    """The first Ctrl-C, SIGTERM, or SIGHUP unless it is ignored (nohup), calls ``interrupt``, which should end the run, saved.

    A second one ends it at once, but for SIGHUP: a terminal that closes may send it twice.
    """
    hang_up = getattr(signal, "SIGHUP", None)  # not on every system
    then = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, hang_up: signal.SIG_IGN}

    def request(number: int, frame: FrameType | None) -> None:
        interrupt()
        signal.signal(number, then[signal.Signals(number)])

    for number in (signal.SIGINT, signal.SIGTERM, hang_up):
        if number is not None and not (number == hang_up and signal.getsignal(number) == signal.SIG_IGN):
            signal.signal(number, request)


def tell() -> None:
    """Past Python's buffers, which what was interrupted may hold."""
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), SAID.encode())
