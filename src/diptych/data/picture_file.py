"""A picture's file: a path, or a member of a shard, read from its position in the tar."""

import io
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import DiptychError
from diptych.pictures import codecs, formats
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


File = Path | Member


def content(file: File) -> bytes:
    """The bytes of the file; a DiptychError names one that has vanished."""
    if isinstance(file, Member):
        return file.content()
    with formats.open_file(file) as opened, formats.readable_errors(str(file)):
        return opened.read()


def read(file: File, kind: Kind) -> Stored:
    """As :func:`diptych.pictures.formats.read`."""
    return formats.read(file.content(), kind, str(file)) if isinstance(file, Member) else formats.read(file, kind)


def probe(file: File) -> formats.Header:
    """As :func:`diptych.pictures.formats.probe`."""
    if not isinstance(file, Member):
        return formats.probe(file)
    data = file.content()
    with formats.readable_errors(str(file)):
        if not data:
            raise DiptychError(f"{file} is empty (0 bytes); pack its folder again without it.")
        return codecs.header(io.BytesIO(data))
