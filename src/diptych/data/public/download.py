"""Download an archive over HTTP: resumable, verified, and complete or absent.

The bytes go to ``PLACE.archive.part``; beside it, ``PLACE.archive.json`` remembers what file they are bytes of (address, ETag
or date of change, length). A second attempt asks for the rest with ``Range`` and ``If-Range``: a server whose file has
changed in the meantime sends the new one whole, and the old bytes are dropped. A file that came whole is verified, unpacked
beside its place (:mod:`diptych.data.public.unpack`) and renamed; only then does the folder exist.
"""

import errno
import http.client
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import filelock

from diptych.data.public.unpack import Progress, remember, remembered, unpack, verify
from diptych.errors import DiptychError, disk_full, file_limit, remedy_for
from diptych.files import from_json, write_text

CHUNK = 1 << 18
ATTEMPTS = 5  # failures one after the other, without a byte won between them
MOST_ATTEMPTS = 100  # in all, so that a server that gives one byte at a time comes to an end too
LONGEST_PAUSE = 60.0  # seconds
TIMEOUT = 30.0  # seconds without a byte
TRIED_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
SOURCE_FILE = "SOURCE.json"  # in a finished folder: where it came from
MAGIC = {".zip": b"PK\x03\x04", ".gz": b"\x1f\x8b", ".tgz": b"\x1f\x8b"}


@dataclass(frozen=True)
class Origin:
    """The file on the server that a part belongs to."""

    address: str
    tag: str = ""  # a strong ETag, or the date of the last change: what If-Range may be given
    length: int = -1  # -1 where the server does not say

    @classmethod
    def of(cls, address: str, answer: http.client.HTTPResponse) -> "Origin":
        """A weak ETag does not identify the file's version."""
        tag, length = str(answer.headers.get("ETag", "")), answer.headers.get("Content-Length", "")
        tag = tag if tag and not tag.startswith("W/") else str(answer.headers.get("Last-Modified", ""))
        return cls(address, tag, int(length) if length.isdecimal() and len(length) < 20 else -1)


class Unreachable(DiptychError):
    """The server does not answer, or no longer has the file."""


class Interrupted(Exception):
    """A failure after which another attempt may succeed."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait  # seconds that the server asked for


def fetch(
    address: str,
    place: Path,
    sha256: str = "",
    md5: str = "",
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
    local: Path | None = None,
) -> Path:
    """Download the archive at ``address`` and unpack it into the folder ``place``; does nothing where that exists.

    Its checksums are compared with those given, or the SHA-256 with the one remembered from an earlier download; it is
    remembered in ``PLACE.sha256`` and, with the address, in ``PLACE/SOURCE.json``.

    Args:
        progress: called with (what is being done, bytes or files done, in all or 0).
        sleep: waits the given seconds between attempts.
        local: the archive, where it is here already; it is verified and unpacked like one that came from the address.

    Raises:
        DiptychError: when it cannot be had; bytes that came are kept for the next call, unless they are known to be wrong.
    """
    if not address.startswith(("http://", "https://")):
        raise DiptychError(f"{address} is no web address; it must begin with http:// or https://.")
    if place.is_dir():
        return place
    archive = place.with_name(f"{place.name}.archive")
    unpacked = place.with_name(f"{place.name}.unpacking")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(place.with_name(f".{place.name}.lock")):
            if place.is_dir():  # another process has fetched it while this one waited
                return place
            if local is not None:
                shutil.copyfile(local, archive)
            download(address, archive, progress, sleep)
            digest = verify(address, archive, sha256 or remembered(place), md5)
            unpack(archive, unpacked, progress)
            write_text(unpacked / SOURCE_FILE, json.dumps({"address": address, "sha256": digest}, indent=2) + "\n")
            remember(place, digest)
            unpacked.rename(place)
            archive.unlink()
    except OSError as problem:
        raise DiptychError(explain(problem, address, place)) from None
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    return place


def download(address: str, archive: Path, progress: Progress | None, sleep: Callable[[float], None]) -> None:
    """Download ``address`` to ``archive``, in a limited number of attempts.

    Raises:
        DiptychError: when the server refuses, sends something else than an archive, or gives up too often.
        OSError: when it cannot be written.
    """
    if archive.is_file():
        return
    part = archive.with_name(f"{archive.name}.part")
    notes = archive.with_name(f"{archive.name}.json")
    failures = 0
    for _ in range(MOST_ATTEMPTS):
        before = size_of(part)
        try:
            origin = attempt(address, part, notes, progress)
        except Interrupted as problem:
            reason = str(problem)
            failures = 1 if size_of(part) > before else failures + 1
            if failures == ATTEMPTS:
                break
            sleep(min(max(problem.wait, 2.0 ** (failures - 1)), LONGEST_PAUSE))
        else:
            if origin.length not in (-1, size_of(part)):
                part.unlink()
                raise DiptychError(f"{address} sent more bytes than it announced; what came was removed, try again.")
            part.rename(archive)
            notes.unlink(missing_ok=True)
            return
    raise Unreachable(
        f"{address} could not be fetched: {reason}. {size_of(part):,} bytes have come and are kept; "
        f"the same command goes on from there."
    )


def attempt(address: str, part: Path, notes: Path, progress: Progress | None) -> Origin:
    """One request, which continues the part if it can; Interrupted when the connection breaks."""
    known = recall(notes)
    have = size_of(part) if known.address == address and known.tag else 0
    if have and have == known.length:
        return known
    headers = {"User-Agent": "diptych", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": known.tag}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=TIMEOUT) as answer:
            start = start_of(answer, have, known, part)
            if start == 0:
                known = Origin.of(address, answer)
                check_room(known, part)
                write_text(notes, json.dumps(asdict(known)))
            receive(answer, part, start, known, progress)
    except urllib.error.HTTPError as problem:
        with problem:
            refuse(problem, address, part, have)
    except (ValueError, http.client.InvalidURL):  # such as blanks, or letters that must be spelt as percent signs
        raise DiptychError(f"{address} is no web address that can be asked; correct it.") from None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as problem:
        raise Interrupted(
            f"the connection failed ({getattr(problem, 'reason', '') or str(problem) or type(problem).__name__})"
        ) from None
    if known.length == -1:
        known = replace(known, length=size_of(part))
    if size_of(part) < known.length:
        raise Interrupted(f"the connection ended after {size_of(part):,} of {known.length:,} bytes")
    return known


def start_of(answer: http.client.HTTPResponse, have: int, known: Origin, part: Path) -> int:
    """Where the bytes of ``answer`` begin: at ``have`` if the server confirms it, else at 0."""
    if answer.status != 206:
        return 0
    length = f"{known.length}" if known.length != -1 else ""
    place, _, total = answer.headers.get("Content-Range", "").partition("/")
    if place.startswith(f"bytes {have}-") and total in (length, "*", *([] if length else [total])):
        return have
    part.unlink()
    raise Interrupted("the server sent another piece of the file than was asked for")


def receive(
    answer: http.client.HTTPResponse, part: Path, start: int, origin: Origin, progress: Progress | None
) -> None:
    """Write the body after the first ``start`` bytes of ``part``; an interruption keeps what was written."""
    done = start
    with open(part, "r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        while chunk := read_some(answer):
            if done == 0:
                check_magic(chunk, origin.address)
            file.write(chunk)
            done += len(chunk)
            if progress is not None:
                progress("downloading", done, max(origin.length, 0))


def read_some(answer: http.client.HTTPResponse) -> bytes:
    """The next bytes of the body; Interrupted for failures of the network, which the disk's are not."""
    try:
        return answer.read1(CHUNK)
    except (OSError, http.client.HTTPException) as problem:
        raise Interrupted(f"the connection broke off ({str(problem) or type(problem).__name__})") from None


def check_magic(chunk: bytes, address: str) -> None:
    """DiptychError unless the first bytes are those of the archive that the address promises."""
    magic = MAGIC.get(Path(urlsplit(address).path).suffix)
    if magic is None or chunk.startswith(magic[: len(chunk)]):
        return
    web = chunk.lstrip()[:1] == b"<"
    raise DiptychError(
        f"{address} did not send an archive but {'a web page' if web else 'something else'}: the file is no longer there, "
        f"or something on the way answered in its place. Open the address in a browser to see what it says."
    )


def refuse(problem: urllib.error.HTTPError, address: str, part: Path, have: int) -> None:
    """Turn an HTTP error into Interrupted or Unreachable; always raises."""
    if problem.code in TRIED_AGAIN:
        asked = problem.headers.get("Retry-After", "") if problem.headers else ""
        raise Interrupted(
            f"the server answers {problem.code} {problem.reason}", float(asked) if asked.isdecimal() else 0.0
        )
    if problem.code == 416 and have:  # the part is longer than the file is now: begin anew
        part.unlink()
        raise Interrupted("the file has become shorter than the part that is here")
    hint = "it is no longer there" if problem.code in (404, 410) else "it does not hand the file out"
    raise Unreachable(f"{address} answers {problem.code} {problem.reason}: {hint}.")


def check_room(origin: Origin, part: Path) -> None:
    """OSError before the download if the disk has too little room."""
    free = shutil.disk_usage(part.parent).free + size_of(part)
    if origin.length > free:
        raise OSError(errno.ENOSPC, f"{origin.length:,} bytes are needed and {free:,} are free")


def recall(notes: Path) -> Origin:
    """The origin of the part; an empty Origin if the notes are missing or damaged."""
    try:
        return Origin(**from_json(notes.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Origin("")


def size_of(path: Path) -> int:
    """Bytes in ``path``; 0 where there is no such file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def explain(problem: OSError, address: str, place: Path) -> str:
    """One sentence for an error of the disk."""
    kept = "What has come is kept, and the same command goes on from there."
    if disk_full(problem):
        return f"there is no room for {address} in {place.parent} ({problem.strerror}); make room, or set DIPTYCH_CACHE. {kept}"
    remedy = f"; {remedy_for(problem, '')}" if file_limit(problem) else ""
    return f"{address} cannot be stored in {place.parent}: {problem.strerror or problem}{remedy}. {kept}"
