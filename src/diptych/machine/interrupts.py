"""Work that can be stopped from another thread, at the next operation of torch or the next node of a runtime."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from threading import Event, Lock
from typing import Any


class StoppedError(Exception):
    """The work was stopped: its time is over, or nobody waits for it any more."""


class Stop:
    """A request to stop one piece of work, which checks it."""

    def __init__(self, may_run: Event | None = None, patience: float = 0.0) -> None:
        """``may_run`` is set while nothing more urgent is at work; each operation waits for it for at most ``patience`` seconds."""
        self.asked = Event()
        self.may_run, self.patience = may_run, patience
        self.lock = Lock()
        self.end: Callable[[], object] | None = None
        """How the runtime that is at work now is stopped."""

    def ask(self) -> None:
        """Stop the work; it raises StoppedError in its own thread."""
        with self.lock:
            self.asked.set()
            if self.end is not None:
                self.end()

    def check(self) -> None:
        """Raises: StoppedError, when it was asked to; lets more urgent work go first."""
        if self.may_run is not None:
            self.may_run.wait(self.patience)
        if self.asked.is_set():
            raise StoppedError


def checking_operations(stop: Stop) -> AbstractContextManager[object]:
    """Checks before every operation of torch in this thread, so no network need know; nothing where torch is not loaded."""
    if "torch" not in sys.modules:
        return nullcontext()
    from torch.overrides import TorchFunctionMode

    class Operations(TorchFunctionMode):
        def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
            stop.check()
            return func(*args, **(kwargs or {}))

    return Operations()


CURRENT: ContextVar[Stop | None] = ContextVar("stop", default=None)


@contextmanager
def stoppable(stop: Stop) -> Iterator[None]:
    """Within, what this thread computes ends with StoppedError once ``stop`` is asked."""
    token = CURRENT.set(stop)
    try:
        stop.check()
        with checking_operations(stop):
            yield
    finally:
        CURRENT.reset(token)


@contextmanager
def ended_by(end: Callable[[], object]) -> Iterator[None]:
    """Around one call of a runtime, which ``end`` breaks off from another thread.

    Raises:
        StoppedError: instead of what the runtime then throws.
    """
    stop = CURRENT.get()
    if stop is None:
        yield
        return
    stop.check()
    with stop.lock:
        if stop.asked.is_set():
            raise StoppedError
        stop.end = end
    try:
        yield
    except Exception:
        stop.check()
        raise
    finally:
        with stop.lock:
            stop.end = None
    stop.check()
