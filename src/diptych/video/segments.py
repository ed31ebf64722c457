"""The unfinished film: a hidden folder beside it with whole segments, from which the same command goes on.

A segment is written whole or not at all. Beside it stand the times of its frames, and what smoothing carries into the next one,
so that a film that was stopped has the same frames as one that was not.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError
from diptych.files import from_json, read_text, remove_partial_files, write_text
from diptych.machine.locks import take

LENGTH = 64
"""Frames of a segment, which begins with a key frame: what is lost at most by a kill, and how exactly players can seek."""
Carried = dict[str, npt.NDArray[Any]]
"""What smoothing needs of the frames before."""


class Times(NamedTuple):
    """Starts and durations of a segment's frames, in units of the source's time base."""

    starts: list[int]
    durations: list[int]


class Segments:
    """The segments of one film to be."""

    def __init__(self, out: Path, job: str) -> None:
        """Take the folder of ``out``, and the segments in it that the same job has written.

        Args:
            job: equal for commands that would make the same film.

        Raises:
            DiptychError: when another command is at work on it, or it cannot be written.
        """
        self.folder = out.with_name(f".{out.name}.diptych")
        self.job, self.out = job, out
        self.begun_anew = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Alone on this film."""
        lock = filelock.FileLock(self.folder / "lock", timeout=0)
        take(
            lock,
            f"another command is translating into {self.out}; wait for it",
            f"{self.folder} cannot be written",
            "name another --out",
        )
        try:
            self.begin()
            yield
        finally:
            lock.release()

    def begin(self) -> None:
        note = self.folder / "job.json"
        try:
            found = from_json(read_text(note))["job"]
        except (OSError, ValueError, KeyError, TypeError):
            found = ""
        if found != self.job:
            self.begun_anew = bool(found)
            for file in self.folder.iterdir():
                if file.name != "lock":
                    file.unlink()
            write_text(note, json.dumps({"diptych": 1, "job": self.job}) + "\n")
        remove_partial_files(self.folder)

    def place(self, number: int) -> Path:
        return self.folder / f"{number:06}.mkv"

    @property
    def whole(self) -> int:
        """How many segments are whole, from the first on."""
        count = 0
        while self.place(count).exists():
            count += 1
        return count

    def times(self, number: int) -> Times:
        """Raises: DiptychError when the note beside a segment is damaged."""
        place = self.place(number).with_suffix(".json")
        try:
            return Times(**from_json(read_text(place)))
        except (OSError, ValueError, TypeError) as problem:
            raise DiptychError(f"{place} is damaged ({problem}); remove {self.folder} and begin again.") from None

    def note(self, number: int, times: Times, carried: Carried) -> None:
        """What belongs to a segment; before the segment itself, whose being there says that all is."""
        write_text(self.place(number).with_suffix(".json"), json.dumps(times._asdict()) + "\n")
        if carried:
            with open(self.place(number).with_suffix(".npz"), "wb") as file:
                np.savez(file, allow_pickle=False, **carried)

    def carried(self, number: int) -> Carried:
        """What smoothing carried out of a segment."""
        place = self.place(number).with_suffix(".npz")
        if not place.exists():
            return {}
        with np.load(place) as arrays:
            return dict(arrays)

    def forget_carried(self, number: int) -> None:
        """Of a segment that has a whole one after it."""
        self.place(number).with_suffix(".npz").unlink(missing_ok=True)

    def remove(self) -> None:
        """The film is written."""
        shutil.rmtree(self.folder, ignore_errors=True)
