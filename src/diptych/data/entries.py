"""Examples and their files: paths, members of a shard, read from their position in the tar, or slices of volumes."""

import io
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from diptych.data.volumes.slice import Slice
from diptych.errors import DiptychError
from diptych.pictures import codecs, formats
from diptych.pictures.decoded import Header
from diptych.pictures.kinds import Kind, Stored

BLOCK = 512  # bytes of a tar's header; contents are filled up to whole blocks


class Shard(ABC):
    """A plain tar, on this disk or to be downloaded."""

    name: str

    @abstractmethod
    def local_path(self) -> Path:
        """Its path on this disk, downloaded first if need be; a DiptychError says why it cannot be had."""

    def prefetch(self) -> None:
        """Say that it will be read soon."""
        return


@dataclass(frozen=True, slots=True)
class Member:
    """A picture in a shard; ``start`` is the position of its tar header, ``size`` the bytes of its contents."""

    shard: Shard
    name: str
    start: int
    size: int

    def __str__(self) -> str:
        return f"{self.name} in {self.shard.name}"

    @property
    def suffix(self) -> str:
        return Path(self.name).suffix

    def content(self) -> bytes:
        """Its bytes; DiptychError if the shard does not hold it there."""
        for _ in range(3):  # another process that shares the cache of shards may remove the file before it is opened
            try:
                with open(self.shard.local_path(), "rb") as tar:
                    tar.seek(self.start)
                    head, data = tar.read(BLOCK), tar.read(self.size)
                break
            except FileNotFoundError:
                continue
            except OSError as problem:
                raise DiptychError(f"{self.shard.name} cannot be read: {problem.strerror}.") from None
        else:
            raise DiptychError(f"{self.shard.name} is not there; was it moved or removed?")
        if head[: len(self.name) + 1] != self.name.encode() + b"\0" or len(data) < self.size:
            raise DiptychError(
                f"{self} is not where shards.json says: the shard is damaged or is not the one that was packed; copy both anew."
            )
        return data


File = Path | Member | Slice


def content(file: File) -> bytes:
    """The bytes of the file; a DiptychError names one that has vanished."""
    if not isinstance(file, Path):
        return file.content()
    with formats.open_file(file) as opened, formats.readable_errors(str(file)):
        return opened.read()


def read(file: File, kind: Kind) -> Stored:
    """As :func:`diptych.pictures.formats.read`."""
    if isinstance(file, Slice):
        return file.read(kind)
    return formats.read(file.content(), kind, str(file)) if isinstance(file, Member) else formats.read(file, kind)


def probe(file: File) -> Header:
    """As :func:`diptych.pictures.formats.probe`."""
    if isinstance(file, Slice):
        return file.header()
    if not isinstance(file, Member):
        return formats.probe(file)
    data = file.content()
    with formats.readable_errors(str(file)):
        if not data:
            raise DiptychError(f"{file} is empty (0 bytes); pack its folder again without it.")
        return codecs.header(io.BytesIO(data))


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
    shards are on a server. ``held_out``: there is no folder val, so a share of train is set apart for it.
    """

    kind: str
    description: str
    splits: dict[str, list[Entry]]
    others: dict[str, list[Entry]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    folders: dict[str, list[Path]] = field(default_factory=dict)
    sharded: bool = False
    remote: bool = False
    held_out: bool = False

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
    return [file for file in files_of(entries) if isinstance(file, Path)]


def checked(found: object, where: str, splits: Collection[str]) -> dict[str, list[Entry]]:
    """Examples by split, as users' code gives them; "" stands for a set without splits. Empty splits are left out.

    Raises:
        DiptychError: for anything else, and for two examples of one name; ``where`` is what the sentence calls the code.
    """
    if not isinstance(found, dict) or not found.keys() <= {"", *splits}:
        raise DiptychError(f"{where} gives no examples by split ({', '.join(splits)}); correct its function.")
    piles = {split: list(entries) for split, entries in found.items() if entries}
    if not piles:
        raise DiptychError(f"{where} gives no example; correct its function, or name another folder.")
    for split, pile in piles.items():
        for entry in pile:
            files = files_of([entry]) if isinstance(entry, Entry) and isinstance(entry.a, tuple) else []
            if not files or not all(isinstance(file, Path) for file in files):
                raise DiptychError(
                    f"{where} gives {entry!r} in {split}, which is no Entry(name, (source,), target) of Paths."
                )
        if len({entry.name for entry in pile}) < len(pile):
            raise DiptychError(f"{where} gives two examples in {split} one name; name each differently.")
    return piles
