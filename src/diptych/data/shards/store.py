"""Shards from a web server, whole, into a folder of this machine that stays within a stated size.

A shard is kept under its checksum, so that runs share them and a changed set brings its own. Those that were used
longest ago make room for others. Any plain server will do; where it knows ranges, an interrupted download goes on.
"""

import hashlib
import os
import queue
import re
import tempfile
import threading
import time
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import filelock

from diptych.data import progress
from diptych.data.picture_file import Shard
from diptych.data.public import download
from diptych.data.shards.index import ShardFacts
from diptych.errors import DiptychError

USED_EACH = 10.0  # seconds between two notes that a shard is in use
OURS = re.compile(r"\.?([0-9a-f]{64})\..+")  # the shard, what has come of it, and its lock
pause = time.sleep  # between attempts


def fetched_text(address: str) -> str:
    """A small file from a server, with a few attempts.

    Raises:
        DiptychError: when it cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        place = Path(folder) / "index"
        download_to(address, place)
        try:
            return place.read_text(encoding="utf-8")
        except UnicodeError:
            raise DiptychError(f"{address} did not send an index of shards but something else.") from None


def download_to(address: str, place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        download.download(address, place, partial(show_progress, address), pause)
    except OSError as problem:
        raise DiptychError(download.explain(problem, address, place)) from None


def show_progress(address: str, what: str, done: int, total: int) -> None:
    progress.show(f"{what} {address}", done, total)


class Held(NamedTuple):
    """What the folder holds of one shard: the shard, or what an attempt that broke off left of it."""

    used: int  # nanoseconds
    size: int  # bytes
    paths: list[Path]


class Store:
    """The folder of shards, of at most ``room`` bytes, and one shard that is coming for each further process that shares it."""

    def __init__(self, folder: Path, room: int) -> None:
        self.folder = folder
        self.room = room
        self.turn = threading.Lock()  # one download at a time: two that make room at once would make it for one
        self.noted: dict[Path, float] = {}

    def fetch(self, address: str, facts: ShardFacts) -> Path:
        """Where the shard lies, brought here first where it does not.

        Raises:
            DiptychError: when it cannot be had, or what comes is not what the index says.
        """
        place = self.folder / f"{facts.sha256}.tar"
        try:
            if not self.use(place):
                self.folder.mkdir(parents=True, exist_ok=True)
                with self.turn, filelock.FileLock(self.lock_of(facts.sha256)):
                    self.fill(place, address, facts)
        except OSError as problem:
            raise DiptychError(
                f"{address}/{facts.name} cannot be stored in {self.folder}: {problem.strerror or problem}; "
                f"make the folder one that can be written, or set DIPTYCH_CACHE to another."
            ) from None
        return place

    def lock_of(self, checksum: str) -> Path:
        return self.folder / f".{checksum}.lock"

    def fill(self, place: Path, address: str, facts: ShardFacts) -> None:
        """Bring the shard here; its lock is held."""
        new = place.with_suffix(".new")
        if not self.use(place):  # another may have fetched it while this one waited
            self.make_room(facts.size, facts.sha256)
            download_to(f"{address}/{facts.name}", new)
            with open(new, "rb") as tar:
                digest = hashlib.file_digest(tar, "sha256").hexdigest()
            if digest != facts.sha256:
                new.unlink()
                raise DiptychError(
                    f"what came from {address}/{facts.name} is not the shard that shards.json there names (its SHA-256 is another): "
                    f"it was damaged on the way, or only one of the two was renewed; it was removed, try again."
                )
            new.rename(place)

    def use(self, place: Path) -> bool:
        """Whether it is here; if so, it is noted as used now and then."""
        if not place.is_file():
            return False
        if time.monotonic() - self.noted.get(place, -USED_EACH) >= USED_EACH:
            self.noted[place] = time.monotonic()
            with suppress(OSError):
                os.utime(place)
        return True

    def make_room(self, size: int, coming: str = "") -> None:
        """Remove what was used longest ago until ``size`` bytes more, of the shard of that checksum, may come."""
        held = self.held()
        held.pop(coming, None)  # what has come of it is part of its size
        total = sum(one.size for one in held.values())
        for checksum, one in sorted(held.items(), key=lambda item: item[1].used):
            if (total + size > self.room or not one.size) and self.remove(checksum, one.paths):
                total -= one.size

    def held(self) -> dict[str, Held]:
        """By checksum."""
        held: dict[str, Held] = {}
        for path in self.folder.iterdir():
            if ours := OURS.fullmatch(path.name):
                with suppress(OSError):  # another process makes room too
                    found = path.stat()
                    used, size, paths = held.get(ours[1], Held(0, 0, []))
                    used = used if path.suffix == ".lock" else max(used, found.st_mtime_ns)
                    held[ours[1]] = Held(used, size + found.st_size, [*paths, path])
        return held

    def remove(self, checksum: str, paths: list[Path]) -> bool:
        """Remove all of a shard, its lock last; False where it is on its way here for somebody."""
        lock = self.lock_of(checksum)
        try:
            with filelock.FileLock(lock, timeout=0):
                for path in (*(path for path in paths if path != lock), lock):
                    with suppress(OSError):  # one that is open elsewhere, where systems mind that
                        path.unlink()
        except OSError:  # filelock.Timeout is one
            return False
        return not any(path.exists() for path in paths if path != lock)


@lru_cache(maxsize=4)
def store_in(folder: Path, room: int) -> Store:
    """The same for all that this process reads."""
    return Store(folder, room)


class RemoteShard(Shard):
    """A tar on a server, brought here when it is wanted."""

    def __init__(self, store: Store, address: str, facts: ShardFacts) -> None:
        self.store, self.address, self.facts = store, address, facts
        self.name = f"{address}/{facts.name}"
        self.expected = False

    def local_path(self) -> Path:
        self.expected = False
        return self.store.fetch(self.address, self.facts)

    def prefetch(self) -> None:
        if not self.expected:
            self.expected = True
            prefetch_queue().put(self)


@lru_cache(maxsize=1)
def prefetch_queue() -> "queue.Queue[RemoteShard]":
    """A thread that fetches what is expected, one after the other; what fails is left to whoever wants it."""
    expected: queue.Queue[RemoteShard] = queue.Queue()

    def work() -> None:
        while True:
            shard = expected.get()
            with suppress(DiptychError, OSError):
                shard.store.fetch(shard.address, shard.facts)

    threading.Thread(target=work, name="diptych-shards", daemon=True).start()
    return expected
