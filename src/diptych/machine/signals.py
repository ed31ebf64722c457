"""Signals that end a run: Ctrl-C, SIGTERM, SIGHUP."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

MESSAGE = "\nStopping after this step, and saving. Once more stops at once and saves nothing.\n"
NOTHING_YET = "\nNothing was trained yet; the same command begins again.\n"


def stop_on_signals(interrupt: Callable[[], None]) -> None:
    """The first Ctrl-C, SIGTERM, or SIGHUP unless it is ignored (nohup), calls ``interrupt``, which should end the run, saved.

    A second one ends it at once, but for SIGHUP: a terminal that closes may send it twice.
    """
    then: dict[str, Any] = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_IGN}

    def request(number: int, frame: FrameType | None) -> None:
        interrupt()
        signal.signal(number, then[signal.Signals(number).name])

    for one in signal.Signals:  # SIGHUP is not on every system
        ignored = one.name == "SIGHUP" and signal.getsignal(one) == signal.SIG_IGN
        if one.name in then and not ignored:
            signal.signal(one, request)


def announce(*, trained: bool) -> None:
    """Print what happens now past Python's buffers, which the interrupted code may hold."""
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), (MESSAGE if trained else NOTHING_YET).encode())
