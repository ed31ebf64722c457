"""What a folder holds beside the pictures that are read."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from diptych.files import PARTIAL
from diptych.pictures.formats import ENDINGS


def ignored_files(folder: Path, most: int = 5) -> str:
    """What is passed over below ``folder``, in a sentence; empty where nothing is.

    It lists files that are no pictures by their ending, and counts hidden pictures and pipes, devices or dangling links.
    """
    found: list[Path] = []
    hidden = special = 0
    for entry in entries_below(folder):
        picture = os.path.splitext(entry.name)[1].lower() in ENDINGS
        if entry.name.startswith("."):
            hidden += picture and not PARTIAL.fullmatch(entry.name)
        elif not picture:
            found.append(Path(entry.path))
        else:
            special += not entry.is_file()
    names = [path.name for path in sorted(found)]
    listed = ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
    parts = [
        f"{listed} (no picture by the ending)" if listed else "",
        f"hidden pictures ({hidden})" if hidden else "",
        f"pipes, devices or dangling links ({special})" if special else "",
    ]
    return f"Passed over in {folder}: {', and '.join(filter(None, parts))}." if any(parts) else ""


def entries_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What is no folder, in ``folder`` and in those below it that are not hidden; it needs no stat of each file."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                yield entry
            elif not entry.is_symlink() and not entry.name.startswith("."):
                yield from entries_below(Path(entry.path))


def pictures_within(folder: Path) -> int:
    """How many pictures there are in folders within ``folder``, hidden ones left out."""
    return sum(
        os.path.splitext(entry.name)[1].lower() in ENDINGS and not entry.name.startswith(".") and entry.is_file()
        for entry in entries_below(folder)
        if Path(entry.path).parent != folder
    )
