"""Named data sets: addresses, licences, and preparation. The embedded set openmoji needs no network."""

import os
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import platformdirs

from diptych.data.openmoji import drawings
from diptych.data.public import download
from diptych.data.public.unpack import Progress
from diptych.errors import DiptychError, UsageError
from diptych.tables import closest, from_table

EMBEDDED = re.compile(r"openmoji(?:-(\d+))?")
EMBEDDED_SIZE = 256
NOWHERE = Path(os.devnull) / "diptych"
"""The cache folder of a user without a home: nothing can be written there until DIPTYCH_CACHE is set."""


@dataclass(frozen=True)
class Entry:
    """One public data set."""

    address: str
    a: str  # what the pictures of the first domain are
    b: str
    megabytes: int  # approximate
    layout: str
    pictures: str
    licence: str
    citation: str
    sha256: str = ""  # of the archive, where known
    md5: str = ""


def cache_folder(part: str = "data") -> Path:
    """The folder for a ``part`` of the cache, such as prepared sets: in DIPTYCH_CACHE, or the user's cache folder."""
    if chosen := os.environ.get("DIPTYCH_CACHE"):
        return Path(chosen) / part
    try:
        place = platformdirs.user_cache_path("diptych")
    except RuntimeError:  # for which earlier versions of the package give "~" back
        return NOWHERE / part
    return (place if place.is_absolute() else NOWHERE) / part


def listing() -> dict[str, Entry]:
    """The public data sets by name, without "openmoji", which comes with a package."""
    text = (resources.files("diptych.data.public") / "catalog.toml").read_text(encoding="utf-8")
    return {name: from_table(Entry, table, name) for name, table in tomllib.loads(text).items()}


def get(name: str, folder: Path | None = None, progress: Progress | None = None, archive: Path | None = None) -> Path:
    """Prepare a data set under ``folder`` (by default the cache) and return its own folder.

    Args:
        name: of the catalogue, or "openmoji" or "openmoji-SIZE".
        archive: the set's own, where it is here already; nothing is downloaded then.
        progress: called with (what is being done, done, in all); in all is 0 where unknown.

    Raises:
        DiptychError: when the name is unknown, or the set cannot be had; what came so far is kept and goes on next time.
    """
    place = (folder or cache_folder()) / name
    if match := EMBEDDED.fullmatch(name):
        size = int(match[1] or EMBEDDED_SIZE)
        if not 16 <= size <= 2048:
            raise DiptychError(f"{name}: the size must lie between 16 and 2048.")
        return drawings.prepare(place, size, (lambda *counts: progress("drawing", *counts)) if progress else None)
    known = listing()
    if name not in known:
        raise DiptychError(
            f'there is no data set "{name}"{closest(name, [*known, "openmoji"])}; see `diptych data list`.'
        )
    entry = known[name]
    if archive is not None and not archive.is_file():
        raise UsageError(f"there is no file {archive}; name the archive of {name} with --archive.")
    try:
        return download.fetch(entry.address, place, entry.sha256, entry.md5, progress, local=archive)
    except download.Unreachable as problem:
        raise DiptychError(
            f"{problem} Offline: `diptych data get {name} --archive FILE` takes its archive from elsewhere, and "
            f"`diptych data get openmoji` draws a set that comes with diptych[openmoji]."
        ) from None


def domains(name: str) -> tuple[str, str] | None:
    """What the pictures of the domains a and b of a named data set are; None for other folders."""
    if EMBEDDED.fullmatch(name):
        return "outlines", "coloured drawings"
    entry = listing().get(name)
    return (entry.a, entry.b) if entry else None


def resolve(name: str) -> Path:
    """The folder of a data set by its name in a recipe; the embedded one is made if need be.

    Raises:
        DiptychError: when it is neither a folder nor known, or has to be downloaded first.
    """
    if EMBEDDED.fullmatch(name):
        return get(name)
    place = cache_folder() / name
    if place.is_dir():
        return place
    known = listing()
    if name in known:
        raise DiptychError(f"the data set {name} is not here yet; get it with: diptych data get {name}.")
    raise DiptychError(
        f'there is no folder or data set "{name}"{closest(name, [*known, "openmoji"])}; set data.folder to a folder.'
    )
