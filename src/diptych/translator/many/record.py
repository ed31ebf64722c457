"""The record that lies beside results, by which an interrupted job goes on and a foreign file is not taken for a result.

Before a job writes anything it claims its places: the record says of each which job's it is, of which state of its source, and
what stood there. A file at a place that is claimed is therefore whole and this job's, since results are renamed into place;
a file at a place that nobody claimed is somebody else's.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import filelock

from diptych.errors import DiptychError
from diptych.files import from_json, read_text, write_text
from diptych.machine.locks import take

NAME = ".diptych-translate.json"
PATIENCE = 600  # seconds that another command may take to plan
Stamp = tuple[int, int]
"""Bytes and time of change, by which a file is known again."""


class Claim(NamedTuple):
    """A place that a job means to write, or has written."""

    job: str
    source: Stamp | None
    before: Stamp | None
    """What was there when it was claimed, and may be replaced; None where nothing was."""
    own: bool = False
    """Whether that was this job's own result, which needs no --overwrite; unknown of older records, and then no."""
    file: str = ""
    """The source's name, since a.jpg and a.png have one place; unknown of older records."""


@dataclass
class Record:
    """The claims in an output folder, by the place's path in it."""

    folder: Path
    claims: dict[str, Claim] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    """Jobs that began and did not end."""

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """That of the folder; an empty one where there is none.

        Raises:
            DiptychError: when there is one that cannot be read.
        """
        place = folder / NAME
        try:
            told = from_json(read_text(place))
            claims = {
                name: Claim(job, stamp(source), stamp(before), more[:1] == [True], "".join(more[1:]))
                for name, (job, source, before, *more) in told["claims"].items()
            }
            return cls(folder, claims, set(told["unfinished"]))
        except (FileNotFoundError, NotADirectoryError):
            return cls(folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise DiptychError(
                f"{place} is damaged ({type(problem).__name__}); remove it, and give --overwrite or another --out."
            ) from None

    def write(self) -> None:
        """Raises: DiptychError when the folder cannot be written."""
        told = {"diptych": 1, "unfinished": sorted(self.unfinished), "claims": self.claims}
        write_text(self.folder / NAME, json.dumps(told, separators=(",", ":")) + "\n")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Alone with the record, as it stands now: equal commands may run at once."""
        lock = filelock.FileLock(lock_of(self.folder), timeout=PATIENCE)
        take(
            lock,
            f"another command has been planning in {self.folder} for long; stop it",
            f"{lock.lock_file} cannot be locked",
            "set TMPDIR to a folder of yours",
        )
        try:
            now = Record.read(self.folder)
            self.claims, self.unfinished = now.claims, now.unfinished
            yield
        finally:
            lock.release()

    def name(self, place: Path) -> str:
        return place.relative_to(self.folder).as_posix()


def lock_of(folder: Path) -> Path:
    """A file of this user's, since a lock within ``folder`` would lie there among the results."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"diptych-{getattr(os, 'getuid', int)()}-{digest}.lock"


def stamp(told: list[int] | None) -> Stamp | None:
    return None if told is None else (int(told[0]), int(told[1]))


def stamp_of(path: Path) -> Stamp | None:
    """None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
