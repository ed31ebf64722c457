"""Files that are whole or not there."""

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

from diptych.errors import DiptychError, unwritten

WINDOWS = os.name == "nt"
LONGEST_NAME = 255  # bytes that a file's name may have on most systems
PART = re.compile(r"\..*\.(\d+)\.part(\.[^.]+)?", re.DOTALL)
"""Names of what is half written; the number is that of the process."""
LONGEST = 3600.0
"""Seconds after which a half-written file counts as left behind where processes cannot be asked."""


@contextlib.contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """A place beside ``path`` to write to; it is flushed to the disk and renamed when all has gone well, else removed.

    Raises:
        DiptychError: when it cannot be written; the sentence says why, and what stood at ``path`` stands there still.
    """
    beside = part_of(regular(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = mode_of_new(beside)
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(beside, mode)  # some writers make files that nobody else may read
        os.replace(beside, path)
        sync_folder(path.parent)
    except OSError as problem:
        raise unwritten(path, problem) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def regular(path: Path) -> Path:
    """The path itself, unless what lies there is a pipe or a device: reading it may never end, and to replace it would spoil it.

    Raises:
        DiptychError: when it is one.
    """
    with contextlib.suppress(OSError, ValueError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise DiptychError(f"{path} is a pipe or a device; name a file.")
    return path


def mode_of_new(path: Path) -> int:
    """The permissions that the system gives a new file; ``path`` is made, empty, to see them."""
    with open(path, "wb") as file:
        return stat.S_IMODE(os.fstat(file.fileno()).st_mode)


def part_of(path: Path, process: int | str = 0) -> Path:
    """Where this process, or another, writes ``path`` until it is whole."""
    process = process or os.getpid()
    name = f".{path.stem}.{process}.part{path.suffix}"
    if len(os.fsencode(name)) > LONGEST_NAME:
        digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]
        name = f".{digest}.{process}.part{path.suffix}"
    return path.with_name(name)


def vacant(place: Path) -> bool:
    """Whether there is nothing or an empty folder; what killed processes of this machine left half made of it is removed."""
    for folder in (place.parent, place):
        with contextlib.suppress(OSError):
            for path in list(folder.iterdir()):
                found = PART.fullmatch(path.name)
                if not found or path.name != part_of(place, found[1]).name:
                    continue
                if int(found[1]) == os.getpid() or left_behind(
                    path, int(found[1])
                ):  # containers count from 1 each time
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return not place.exists() or (place.is_dir() and not any(place.iterdir()))


@contextlib.contextmanager
def made_aside(place: Path, last: str = "") -> Iterator[Path]:
    """Where to make a file or folder that comes to ``place`` when all has gone well, and is gone else.

    It lies in a folder of our own, inside a folder that is there already, since that may be another disk. Of what comes to
    such a folder, the file ``last`` comes last.

    Raises:
        DiptychError: when another process has made it meanwhile.
        OSError: when it cannot be written.
    """
    named, place = place, place.absolute()  # "." has no name
    inside = place.is_dir()
    folder = (place if inside else place.parent) / part_of(place).name
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


def remove_parts(folder: Path) -> None:
    """Remove what killed processes of this machine left half written, at any depth; those of living ones stay."""
    for root, _, names in os.walk(folder):
        for name in names:
            if found := PART.fullmatch(name):
                with contextlib.suppress(OSError):
                    if left_behind(Path(root, name), int(found[1])):
                        os.unlink(os.path.join(root, name))


def left_behind(part: Path, process: int) -> bool:
    """Whether nobody writes the part any more."""
    if WINDOWS:  # where os.kill ends the process that it is to ask after
        return time.time() - part.stat().st_mtime > LONGEST
    return not alive(process)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str) -> None:
    """A small text file in UTF-8, whole or not there; names of files that are no UTF-8 come through byte by byte."""
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8", errors="surrogateescape")


def read_text(path: Path) -> str:
    """What ``write_text`` wrote, or another program, with a byte order mark or without."""
    return regular(path).read_text(encoding="utf-8-sig", errors="surrogateescape")


def from_json(text: str | bytes) -> Any:
    """What the JSON says.

    Raises:
        ValueError: when it is none, also where it is nested deeper than Python can follow.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def at_home(place: str) -> Path:
    """The path, its ``~`` filled in; as it was typed where the system knows no such user, or no home of this one."""
    return Path(os.path.expanduser(place))


@contextlib.contextmanager
def named_in_utf8(path: Path) -> Iterator[Path]:
    """A name of the same file for libraries that take UTF-8 alone: the path itself, or where that is none, a link to it."""
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
    """JSON that every reader takes (RFC 8259): it knows no NaN and no infinity, and null stands for them."""
    return json.dumps(finite(value), indent=indent, allow_nan=False)


def finite(value: Any) -> Any:
    """The same tables and lists, None in the place of numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
