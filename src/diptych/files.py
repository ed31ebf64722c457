"""Files that are whole or do not exist, and JSON that every reader takes."""

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych.errors import DiptychError, write_error

WINDOWS = os.name == "nt"
MAX_NAME_BYTES = 255  # of a file's name, on most systems
PARTIAL = re.compile(r"\..*\.(\d+)\.part(\.[^.]+)?", re.DOTALL)
"""Names of half-written files; the number is that of the process."""
ABANDONED_SECONDS = 3600.0
"""After which a half-written file counts as abandoned, where processes cannot be checked."""


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path``: it is flushed to the disk and renamed when all has gone well, else removed.

    Raises:
        DiptychError: when it cannot be written; a file at ``path`` is then still as it was.
    """
    beside = partial_path(require_regular_file(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)  # the system's choice for new files
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(beside, mode)  # some writers make files that nobody else may read
        os.replace(beside, path)
        sync_folder(path.parent)
    except OSError as problem:
        raise write_error(path, problem) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def require_regular_file(path: Path) -> Path:
    """The path itself, unless it is a pipe or a device: reading may never end, and replacing would destroy it.

    Raises:
        DiptychError: when it is one.
    """
    with contextlib.suppress(OSError, ValueError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise DiptychError(f"{path} is a pipe or a device; name a file.")
    return path


def partial_path(path: Path, process: int | str = 0) -> Path:
    """The temporary file of this process, or another, for ``path``."""
    process = process or os.getpid()
    name = f".{path.stem}.{process}.part{path.suffix}"
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]
        name = f".{digest}.{process}.part{path.suffix}"
    return path.with_name(name)


def is_vacant(place: Path) -> bool:
    """Whether there is nothing or an empty folder; parts that killed processes of this machine left are removed."""
    for folder in (place.parent, place):
        with contextlib.suppress(OSError):
            for path in list(folder.iterdir()):
                found = PARTIAL.fullmatch(path.name)
                if not found or path.name != partial_path(place, found[1]).name:
                    continue
                own = int(found[1]) == os.getpid()  # containers count from 1 each time
                if own or is_abandoned(path, int(found[1])):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return not place.exists() or (place.is_dir() and not any(place.iterdir()))


@contextlib.contextmanager
def atomic_output(place: Path, last: str = "") -> Iterator[Path]:
    """A temporary path for a file or folder: it is moved to ``place`` when all has gone well, else removed.

    Where ``place`` is a folder already, the temporary one lies inside, since that may be another disk; of its files ``last``
    is moved last.

    Raises:
        DiptychError: when another process has made it meanwhile.
        OSError: when it cannot be written.
    """
    named, place = place, place.absolute()  # "." has no name
    inside = place.is_dir()
    folder = (place if inside else place.parent) / partial_path(place).name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder / place.name
        if inside:
            for file in sorted((folder / place.name).iterdir(), key=lambda file: file.name == last):
                file.rename(place / file.name)
        elif place.exists():
            raise DiptychError(f"{named} was made by another process meanwhile; look at it, or name another.")
        else:
            (folder / place.name).rename(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_partial_files(folder: Path) -> None:
    """Remove half-written files of killed processes of this machine, at any depth; those of living ones stay."""
    for root, _, names in os.walk(folder):
        for name in names:
            if found := PARTIAL.fullmatch(name):
                with contextlib.suppress(OSError):
                    if is_abandoned(Path(root, name), int(found[1])):
                        os.unlink(os.path.join(root, name))


def is_abandoned(part: Path, process: int) -> bool:
    """Whether no process writes the part any more."""
    if WINDOWS:  # where os.kill would end the process
        return time.time() - part.stat().st_mtime > ABANDONED_SECONDS
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another user's, or no process number
        return False
    return False


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a file, whole or not at all."""
    with atomic_write(path) as beside:
        beside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a small text file in UTF-8, whole or not at all; names of files that are no UTF-8 keep their bytes."""
    with atomic_write(path) as beside:
        beside.write_text(text, encoding="utf-8", errors="surrogateescape")


def read_text(path: Path) -> str:
    """Read a text file, with a byte order mark or without."""
    return require_regular_file(path).read_text(encoding="utf-8-sig", errors="surrogateescape")


def from_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: when it is invalid, or nested deeper than Python can follow.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def expand_user(place: str) -> Path:
    """The path with ``~`` replaced; unchanged where the system knows no such user or home folder."""
    return Path(os.path.expanduser(place))


@contextlib.contextmanager
def named_in_utf8(path: Path) -> Iterator[Path]:
    """The path itself, or a link to it where the path is no UTF-8, for libraries that take UTF-8 alone."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
            link = Path(folder) / f"file{path.suffix if path.suffix.isascii() else ''}"
            link.symlink_to(path.resolve())
            yield link
    else:
        yield path


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON as of RFC 8259: null stands for NaN and infinity."""
    return json.dumps(finite(value), indent=indent, allow_nan=False)


def finite(value: Any) -> Any:
    """The same tables and lists, with None for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
