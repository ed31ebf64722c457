"""Archives from elsewhere: their checksums, and unpacking an untrusted ``.zip`` or ``.tar.gz``.

Plain files are unpacked, inside the folder, up to a limit of bytes. An archive with any other member is refused as a whole.
The folder appears only on success.
"""

import errno
import gzip
import hashlib
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO

from diptych.errors import DiptychError
from diptych.files import write_text

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and the total (0 where it is unknown)."""

CHUNK = 1 << 20
MOST_FILES = 500_000  # the largest of the known sets has 139,000
MOST_GROWTH = 20  # times the size of the archive; pictures hardly shrink in one, a bomb grows a thousandfold
ALWAYS_ALLOWED = 64 << 20  # bytes, whatever the archive's size
FROM_READERS = (None, errno.EINVAL)
"""Numbers of errors that readers of archives raise by themselves, the latter for places outside the file; others are the disk's."""
NOT_PICTURES = re.compile(r"(^|/)(__MACOSX(/|$)|\._|\.DS_Store$)")  # what a Mac leaves in archives


class Unsafe(Exception):
    """A member that must not be unpacked; the message says why."""


def remembered(place: Path) -> str:
    """The SHA-256 of the archive that ``place`` was made from, now or earlier; empty where there was none."""
    with suppress(OSError):
        return place.with_name(f"{place.name}.sha256").read_text(encoding="utf-8").strip()
    return ""


def remember(place: Path, sha256: str) -> None:
    """Keep the SHA-256 for the next download of ``place``."""
    write_text(place.with_name(f"{place.name}.sha256"), sha256 + "\n")


def verify(origin: str, archive: Path, sha256: str, md5: str) -> str:
    """The SHA-256 of ``archive``; a file that has other checksums than those that are known is removed with a DiptychError."""
    for algorithm, expected in (("md5", md5), ("sha256", sha256)):
        with open(archive, "rb") as file:
            digest = hashlib.file_digest(file, algorithm).hexdigest()
        if expected and digest != expected:
            archive.unlink()
            raise DiptychError(
                f"what came from {origin} has the {algorithm.upper()} sum {digest}, but {expected} is known for it: it was damaged on "
                f"the way or is another file by now. It was removed; try again, or unpack it by hand and set data.folder to that folder."
            )
    return digest


def unpack(archive: Path, folder: Path, progress: Progress | None = None) -> Path:
    """Unpack ``archive`` into the new folder ``folder``; what stood there is removed first.

    Where the archive holds nothing but one folder, ``folder`` becomes that one. The first bytes say which kind of archive it is.

    Args:
        progress: called with ("unpacking", bytes of the archive read, bytes of the archive).

    Raises:
        DiptychError: when the archive is damaged or holds what it must not; it is removed then, and nothing is left behind.
        OSError: when it cannot be written.
    """
    inside = folder.with_name(f"{folder.name}.inside")
    for place in (folder, inside):
        shutil.rmtree(place, ignore_errors=True)
    inside.mkdir(parents=True)
    try:
        write_members(archive, inside, progress)
        content = list(inside.iterdir())
        (content[0] if len(content) == 1 and content[0].is_dir() else inside).rename(folder)
    except Unsafe as problem:
        archive.unlink()
        raise DiptychError(f"{archive.name} is refused and was removed, because {problem}.") from None
    except Exception as problem:  # readers of damaged archives throw anything
        if isinstance(problem, MemoryError) or (isinstance(problem, OSError) and problem.errno not in FROM_READERS):
            raise
        archive.unlink()
        detail = "" if isinstance(problem, UnicodeError | IndexError) or not str(problem) else f" ({problem})"
        raise DiptychError(
            f"{archive.name} is damaged{detail} and was removed; the same command fetches it anew."
        ) from None
    finally:
        shutil.rmtree(inside, ignore_errors=True)
    return folder


def write_members(archive: Path, folder: Path, progress: Progress | None) -> None:
    """Write the files of ``archive`` into ``folder``; the limit counts written bytes, not those that headers claim."""
    size = archive.stat().st_size
    most = max(MOST_GROWTH * size, ALWAYS_ALLOWED)
    written = files = 0
    for name, file, position in members(archive, most):
        files += 1
        if files > MOST_FILES:
            raise Unsafe(f"it holds more than {MOST_FILES:,} files")
        with create(folder / safe(name), name) as out:
            while chunk := file.read(CHUNK):
                written += len(chunk)
                if written > most:
                    raise Unsafe(f"it grows beyond {most:,} bytes")
                out.write(chunk)
        if progress is not None:
            progress("unpacking", min(position(), size), size)
    if not files:
        raise Unsafe("it is empty")


def create(place: Path, name: str) -> IO[bytes]:
    """A new file at ``place``; Unsafe if another member has the same name."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        return open(place, "xb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Unsafe(f"it holds two members of the name {name!r}") from None


Member = tuple[str, IO[bytes], Callable[[], int]]


def members(archive: Path, most: int) -> Iterator[Member]:
    """Name, content and the number of bytes of the archive read so far, for each plain file."""
    with open(archive, "rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic == b"PK\x03\x04":
            yield from zip_members(file)
        elif magic[:2] == b"\x1f\x8b":
            yield from tar_members(file, most)
        else:
            raise Unsafe("it is neither a zip nor a tar.gz")


def zip_members(archive: IO[bytes]) -> Iterator[Member]:
    """The plain files of a zip; their checksums are compared as they are read."""
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            mode = info.external_attr >> 16
            if info.is_dir() or NOT_PICTURES.search(info.filename):
                continue
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise Unsafe(f"{info.filename!r} is a link or a device")
            if info.flag_bits & 1:
                raise Unsafe(f"{info.filename!r} is encrypted")
            with packed.open(info) as file:
                yield info.orig_filename, file, archive.tell


def tar_members(archive: IO[bytes], most: int) -> Iterator[Member]:
    """The plain files of a tar.gz, read from front to back."""
    with Bounded(archive, most) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for info in tar:
                if info.isdir() or NOT_PICTURES.search(info.name):
                    continue
                file = tar.extractfile(info) if info.isreg() else None
                if file is None:
                    raise Unsafe(f"{info.name!r} is a link or a device")
                yield info.name, file, archive.tell
        while stream.read(CHUNK):  # to the end, so that the checksum at the end of the gzip is compared
            pass


class Bounded(gzip.GzipFile):
    """A gzip of which no more than ``most`` bytes are read, headers and all."""

    def __init__(self, archive: IO[bytes], most: int):
        super().__init__(fileobj=archive)
        self.left, self.most = most, most

    def read(self, size: int | None = -1) -> bytes:
        wanted = self.left + 1 if size is None or size < 0 else min(size, self.left + 1)
        data = super().read(wanted)
        self.left -= len(data)
        if self.left < 0:
            raise Unsafe(f"it grows beyond {self.most:,} bytes")
        return data


def safe(name: str) -> Path:
    """``name`` as a path that stays inside its folder, on Linux, macOS and Windows alike; Unsafe where it does not."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name or not parts:
        raise Unsafe(f"{name!r} leads out of the folder")
    return Path(*parts)
