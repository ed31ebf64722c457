"""What lies in a folder, remembered: sorting the names of very many pictures takes seconds, looking whether they changed none.

A listing is taken again when its folder's stamp has changed: device, number, and times of change, which any file that
comes, goes or is renamed alters. A folder that was changed in the last moments is listed each time, since a further change
within the same tick of its clock would leave no trace. Long listings are kept in the cache folder too, for the next run;
what is damaged there, or belongs to another folder, is passed over. Nothing is ever written into the user's folders.
"""

import hashlib
import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from diptych.data.public.catalog import cache_folder
from diptych.errors import DiptychError
from diptych.files import from_json, remove_partial_files, write_text
from diptych.pictures.formats import ENDINGS, natural

SETTLED = 2_000_000_000  # nanoseconds after which a folder's clock must have ticked
KEPT_FROM = 2000  # pictures from which a listing is worth a file
TOLD_EACH = 10_000  # names between two words on the terminal
VERSION = 1


class Stamp(NamedTuple):
    """Two listings of one stamp are the same, once the folder has settled."""

    device: int
    number: int
    modified: int  # nanoseconds
    changed: int


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder in natural order, which of them are links, and the folders in it; hidden ones aside."""

    pictures: tuple[str, ...] = ()
    links: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()


remembered: dict[str, tuple[Stamp, Listing]] = {}


def stamp_of(folder: Path) -> Stamp:
    found = os.stat(folder)
    return Stamp(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def settled(stamp: Stamp) -> bool:
    """A clock that runs ahead of this machine's, as on a file server, makes it never so: then nothing is remembered."""
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
    """Read the folder itself; the kind of a file comes with its name, without a look at each."""
    pictures, links, folders = [], [], []
    tell = sys.stderr.isatty()
    with os.scandir(folder) as items:
        for count, item in enumerate(items, 1):
            name = item.name
            if tell and count % TOLD_EACH == 0:
                print(f"\r\033[Klisting {folder}: {count:,} files", end="", file=sys.stderr, flush=True)
            if name.startswith("."):
                continue
            link = item.is_symlink()
            if os.path.splitext(name)[1].lower() in ENDINGS and (os.path.isfile(item) if link else item.is_file()):
                pictures.append(name)
                links += [name] if link else []
            elif not name.startswith("__") and (os.path.isdir(item) if link else item.is_dir()):
                folders.append(name)
    pictures.sort(key=natural)
    if tell and len(pictures) >= TOLD_EACH:
        print(f"\r\033[Klisted {folder}: {len(pictures):,} pictures", file=sys.stderr, flush=True)
    return Listing(tuple(pictures), frozenset(links), tuple(sorted(folders)))


# On the disk


def file_of(place: str) -> Path:
    digest = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return cache_folder("listings") / f"{digest}.json"


def keep(place: str, stamp: Stamp, found: Listing) -> None:
    """Whole or not at all, whoever else writes at the same time; that it cannot be written is of no concern."""
    words = {"pictures": found.pictures, "links": sorted(found.links), "folders": found.folders}
    body = json.dumps(words)
    head = json.dumps({"version": VERSION, "folder": place, "stamp": stamp, "sha256": digest_of(body)})
    remove_partial_files(file_of(place).parent)
    with suppress(DiptychError):
        write_text(file_of(place), f"{head}\n{body}\n")


def recalled(place: str, stamp: Stamp) -> Listing | None:
    """The listing that an earlier run has kept, if it is whole and the folder is as it was."""
    try:
        head, body, _ = file_of(place).read_text(encoding="utf-8").split("\n")
        known = from_json(head)
        wanted = {"version": VERSION, "folder": place, "stamp": list(stamp), "sha256": digest_of(body)}
        if known != wanted:
            return None
        words = from_json(body)
        return Listing(tuple(words["pictures"]), frozenset(words["links"]), tuple(words["folders"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# Several folders


def stamps_below(root: Path) -> tuple[tuple[str, Stamp], ...] | None:
    """The stamps of a folder, its folders and theirs: all that a layout is recognised by. None while one is unsettled."""
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
