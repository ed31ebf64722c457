"""Cached listings of folders: sorting very many names takes seconds, checking that a folder has not changed takes none.

A folder is listed again when its stamp changes: device, inode, and times of change, which every added, removed or
renamed file alters. A folder that was changed moments ago is listed each time, since another change within the same tick
of its clock would leave no trace. Long listings are also kept in the cache folder for the next run; damaged ones, and
those of other folders, are ignored. Nothing is ever written into the user's folders.
"""

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from diptych.data.public.catalog import cache_folder
from diptych.errors import DiptychError
from diptych.files import from_json, remove_partial_files, write_text
from diptych.machine import progress
from diptych.pictures.formats import ENDINGS, natural

SETTLED = 2_000_000_000  # nanoseconds after which a folder's clock must have ticked
KEPT_FROM = 2000  # pictures from which a listing is kept on the disk
PROGRESS_EACH = 10_000  # names between two lines of progress
VERSION = 1


class Stamp(NamedTuple):
    """The state of a folder: listings under equal stamps are equal, once the folder has settled."""

    device: int
    number: int
    modified: int  # nanoseconds
    changed: int


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder in natural order, those that are links, and the folders in it; no hidden ones."""

    pictures: tuple[str, ...] = ()
    links: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()


remembered: dict[str, tuple[Stamp, Listing]] = {}


def stamp_of(folder: Path) -> Stamp:
    found = os.stat(folder)
    return Stamp(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def settled(stamp: Stamp) -> bool:
    """Whether the last change is long enough ago. Never if a file server's clock runs ahead; then nothing is cached."""
    return time.time_ns() - max(stamp.modified, stamp.changed) > SETTLED


def listing(folder: Path) -> Listing:
    """What lies in ``folder``.

    Raises:
        OSError: when it cannot be listed.
    """
    stamp, place = stamp_of(folder), os.path.abspath(folder)
    known = remembered.get(place)
    if known is not None and known[0] == stamp:
        return known[1]
    safe = settled(stamp)
    found = recalled(place, stamp) if safe else None
    if found is None:
        found = scan(place)
        if safe and len(found.pictures) >= KEPT_FROM:
            keep(place, stamp, found)
    if safe:
        remembered[place] = stamp, found
    return found


def scan(folder: str) -> Listing:
    """List the folder itself; scandir tells files from folders without a stat of each."""
    pictures, links, folders = [], [], []
    with os.scandir(folder) as items:
        for count, item in enumerate(items, 1):
            name = item.name
            if count % PROGRESS_EACH == 0:
                progress.show(f"listing {folder}: {count:,} files")
            if name.startswith("."):
                continue
            link = item.is_symlink()
            if os.path.splitext(name)[1].lower() in ENDINGS and (os.path.isfile(item) if link else item.is_file()):
                pictures.append(name)
                links += [name] if link else []
            elif not name.startswith("__") and (os.path.isdir(item) if link else item.is_dir()):
                folders.append(name)
    pictures.sort(key=natural)
    if len(pictures) >= PROGRESS_EACH:
        progress.show(f"listed {folder}: {len(pictures):,} pictures", "\n")
    return Listing(tuple(pictures), frozenset(links), tuple(sorted(folders)))


# On the disk


def file_of(place: str) -> Path:
    digest = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return cache_folder("listings") / f"{digest}.json"


def keep(place: str, stamp: Stamp, found: Listing) -> None:
    """Write it atomically; a cache that cannot be written is not an error."""
    body = json.dumps({"pictures": found.pictures, "links": sorted(found.links), "folders": found.folders})
    head = json.dumps({"version": VERSION, "folder": place, "stamp": stamp, "sha256": digest_of(body)})
    remove_partial_files(file_of(place).parent)
    with suppress(DiptychError):
        write_text(file_of(place), f"{head}\n{body}\n")


def recalled(place: str, stamp: Stamp) -> Listing | None:
    """The listing that an earlier run kept, if it is intact and the folder has not changed."""
    try:
        head, body, _ = file_of(place).read_text(encoding="utf-8").split("\n")
        known = from_json(head)
        wanted = {"version": VERSION, "folder": place, "stamp": list(stamp), "sha256": digest_of(body)}
        if known != wanted:
            return None
        kept = from_json(body)
        return Listing(tuple(kept["pictures"]), frozenset(kept["links"]), tuple(kept["folders"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# Several folders


Stamps = tuple[tuple[str, Stamp], ...]


def stamps_below(root: Path) -> Stamps | None:
    """The stamps of a folder and two levels below, which decide its layout. None while one is unsettled."""
    stamps = []
    try:
        level = [root]
        for depth in range(3):
            for folder in level:
                stamps.append((str(folder), stamp_of(folder)))
                if not settled(stamps[-1][1]):
                    return None
            level = [folder / name for folder in level for name in listing(folder).folders] if depth < 2 else []
    except OSError:
        return None
    return tuple(stamps)
