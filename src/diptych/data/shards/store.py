"""A local cache of shards from a web server, of a limited size.

A shard is kept under its checksum, so runs share it, and a changed set has shards of its own. The least recently used
shards are removed for others. Any plain server works; if it supports ranges, an interrupted download continues.
"""

import os
import queue
import re
import tempfile
import threading
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import filelock

from diptych.data.entries import Shard
from diptych.data.public import download
from diptych.data.shards.index import ShardFacts
from diptych.errors import DiptychError
from diptych.files import sha256_of
from diptych.machine import progress

USED_EACH = 10.0  # seconds between two updates of a shard's time of use
OURS = re.compile(r"\.?([0-9a-f]{64})\..+")  # the shard, a part of it, and its lock
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
    def show(what: str, done: int, total: int) -> None:
        progress.show_share(f"{what} {address}", done, total)

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        download.download(address, place, show, pause)
    except OSError as problem:
        raise DiptychError(download.explain(problem, address, place)) from None


class Held(NamedTuple):
    """The files of one shard in the folder: complete, or parts of an interrupted download."""

    used: int  # nanoseconds
    size: int  # bytes
    paths: list[Path]


class Store:
    """The folder of shards, of at most ``room`` bytes, plus one download for each further process that shares it."""

    def __init__(self, folder: Path, room: int) -> None:
        self.folder = folder
        self.room = room
        self.turn = threading.Lock()  # one download at a time: two at once would both count the same free room
        self.noted: dict[Path, float] = {}

    def fetch(self, address: str, facts: ShardFacts) -> Path:
        """The path of the shard, which is downloaded first if need be.

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
        """Download the shard; the caller holds its lock."""
        new = place.with_suffix(".new")
        if not self.use(place):  # another process may have downloaded it in the meantime
            self.make_room(facts.size, facts.sha256)
            download_to(f"{address}/{facts.name}", new)
            if sha256_of(new) != facts.sha256:
                new.unlink()
                raise DiptychError(
                    f"what came from {address}/{facts.name} is not the shard that shards.json there names (its SHA-256 is another): "
                    f"it was damaged on the way, or only one of the two was renewed; it was removed, try again."
                )
            new.rename(place)

    def use(self, place: Path) -> bool:
        """Whether the shard is here; its time of use is updated every ten seconds."""
        if not place.is_file():
            return False
        if time.monotonic() - self.noted.get(place, -USED_EACH) >= USED_EACH:
            self.noted[place] = time.monotonic()
            with suppress(OSError):
                os.utime(place)
        return True

    def make_room(self, size: int, coming: str = "") -> None:
        """Remove the least recently used shards until ``size`` bytes fit, for the shard with the checksum ``coming``."""
        held = self.held()
        held.pop(coming, None)  # its parts count as part of its size
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
        """Remove all files of a shard, its lock last; False while someone downloads it."""
        lock = self.lock_of(checksum)
        try:
            with filelock.FileLock(lock, timeout=0):
                for path in (*(path for path in paths if path != lock), lock):
                    with suppress(OSError):  # Windows removes no open file
                        path.unlink()
        except OSError:  # filelock.Timeout is one
            return False
        return not any(path.exists() for path in paths if path != lock)


@lru_cache(maxsize=4)
def store_in(folder: Path, room: int) -> Store:
    """One store for all that this process reads."""
    return Store(folder, room)


class RemoteShard(Shard):
    """A tar on a server, downloaded when it is read."""

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
    """The queue of a thread that downloads shards ahead; a failure is raised where the shard is read."""
    expected: queue.Queue[RemoteShard] = queue.Queue()

    def work() -> None:
        while True:
            shard = expected.get()
            with suppress(DiptychError, OSError):
                shard.store.fetch(shard.address, shard.facts)

    threading.Thread(target=work, name="diptych-shards", daemon=True).start()
    return expected
