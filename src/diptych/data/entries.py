"""Examples: files on the disk or in shards that belong together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from diptych.data.picture_file import File, Member


@dataclass(frozen=True, slots=True)
class Entry:
    """One example: one file with both halves, or files for either side. Results are called ``name``."""

    name: str
    a: tuple[File, ...]
    b: File | None = None


@dataclass(frozen=True)
class Layout:
    """The layout of a folder: its kind is "side-by-side", "folders", "unpaired" or "single".

    In "unpaired" layouts ``splits`` hold all of a, and ``others`` all of b. ``problems`` names each file that is left out
    because it has no partner. ``folders`` are those of each split. ``sharded``: the files are in shards; ``remote``: the
    shards are on a server.
    """

    kind: str
    description: str
    splits: dict[str, list[Entry]]
    others: dict[str, list[Entry]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    folders: dict[str, list[Path]] = field(default_factory=dict)
    sharded: bool = False
    remote: bool = False

    def domains(self) -> Iterator[tuple[str, str, list[Entry]]]:
        """(split, domain, its entries): the domain is "a", or "b" for the second of two unpaired ones."""
        yield from ((split, "a", entries) for split, entries in self.splits.items())
        if self.kind == "unpaired":
            yield from ((split, "b", entries) for split, entries in self.others.items())


def files_of(entries: Iterable[Entry]) -> list[File]:
    """All files of the entries."""
    return [file for entry in entries for file in (*entry.a, *([entry.b] if entry.b else []))]


def paths_of(entries: Iterable[Entry]) -> list[Path]:
    """The same of entries that lie in folders."""
    return [file for file in files_of(entries) if not isinstance(file, Member)]
