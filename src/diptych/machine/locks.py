"""File locks between processes."""

from pathlib import Path

import filelock

from diptych.errors import DiptychError, reason_of


def take(lock: filelock.BaseFileLock, busy: str, unfit: str, remedy: str) -> None:
    """Acquire the lock; its folder is made first.

    Raises:
        DiptychError: ``busy`` when another process keeps it beyond the lock's timeout; ``unfit``, why, and the ``remedy`` when
            there can be none.
    """
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise DiptychError(f"{busy}.") from None
    except OSError as problem:
        raise DiptychError(f"{unfit}: {reason_of(problem)}; {remedy}.") from None
