"""Files that are whole or not there."""

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych.errors import DiptychError

UMASK = os.umask(0)  # the only way to ask for it is to set it
os.umask(UMASK)


@contextlib.contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """A place beside ``path`` to write to; it is flushed to the disk and renamed when all has gone well, else removed.

    Raises:
        DiptychError: when it cannot be written; the sentence says why, and what stood at ``path`` stands there still.
    """
    beside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(beside, 0o666 & ~UMASK)  # some writers make files that nobody else may read
        os.replace(beside, path)
        sync_folder(path.parent)
    except OSError as problem:
        raise DiptychError(
            f"{path} cannot be written: {problem.strerror or problem}; what was there before is whole. "
            f"Make room or name another place, and run the same command again."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str) -> None:
    """A small text file, whole or not there."""
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON that every reader takes (RFC 8259): it knows no NaN and no infinity, and null stands for them."""
    return json.dumps(finite(value), indent=indent, allow_nan=False)


def finite(value: Any) -> Any:
    """The same tables and lists, None in the place of numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
