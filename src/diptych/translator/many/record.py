"""The record beside results: with it an interrupted job resumes, and a foreign file is not taken for a result.

Before a job writes anything it claims its output files. A claim names the job, the state of the source, and what stood there.
Results are renamed into place, so a claimed file is whole and this job's. A file without a claim is somebody else's.
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

RECORD_NAME = ".diptych-translate.json"
LOCK_TIMEOUT = 600  # seconds in which another command may plan
Stamp = tuple[int, int]
"""Size in bytes and time of change, by which a file is recognised."""


class Claim(NamedTuple):
    """An output file that a job will write, or has written."""

    job: str
    source: Stamp | None
    before: Stamp | None
    """The file that stood there when it was claimed, and may be replaced; None where there was none."""
    own: bool = False
    """Whether that was this job's own result, which needs no --overwrite. False in older records."""
    file: str = ""
    """The source's name, since a.jpg and a.png have the same output file. Empty in older records."""


@dataclass
class Record:
    """The claims in an output folder, by the file's path in it."""

    folder: Path
    claims: dict[str, Claim] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    """Jobs that began and did not end."""

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Read the folder's record; an empty one where there is none.

        Raises:
            DiptychError: when it cannot be read.
        """
        place = folder / RECORD_NAME
        try:
            table = from_json(read_text(place))
            claims = {
                name: Claim(job, parse_stamp(source), parse_stamp(before), more[:1] == [True], "".join(more[1:]))
                for name, (job, source, before, *more) in table["claims"].items()
            }
            return cls(folder, claims, set(table["unfinished"]))
        except (FileNotFoundError, NotADirectoryError):
            return cls(folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise DiptychError(
                f"{place} is damaged ({type(problem).__name__}); remove it, and give --overwrite or another --out."
            ) from None

    def write(self) -> None:
        """Raises: DiptychError when the folder cannot be written."""
        table = {"diptych": 1, "unfinished": sorted(self.unfinished), "claims": self.claims}
        write_text(self.folder / RECORD_NAME, json.dumps(table, separators=(",", ":")) + "\n")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the record's lock and read it again: equal commands may run at once."""
        # Outside of the folder, where it would lie among the results; each user has his own.
        digest = hashlib.sha256(os.fsencode(os.path.realpath(self.folder))).hexdigest()[:24]
        place = Path(tempfile.gettempdir()) / f"diptych-{getattr(os, 'getuid', int)()}-{digest}.lock"
        lock = filelock.FileLock(place, timeout=LOCK_TIMEOUT)
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


def parse_stamp(pair: list[int] | None) -> Stamp | None:
    return None if pair is None else (int(pair[0]), int(pair[1]))


def file_stamp(path: Path) -> Stamp | None:
    """None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
