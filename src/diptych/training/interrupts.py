"""Asking a run to end from outside."""

import signal
from collections.abc import Callable
from types import FrameType


def stop_on_signals(interrupt: Callable[[], None]) -> None:
    """The first Ctrl-C (or SIGTERM) ends the run after this step, saved; a second one ends it at once."""

    def request(number: int, frame: FrameType | None) -> None:
        interrupt()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request)
