"""Files as answers: hashed once and sent chunk by chunk, so that a client that does not read holds one chunk and no more."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CHUNK = 256 * 1024
"""Bytes sent at once. The server copies what a client has not read yet, so a whole file would be copied for each."""


@dataclass
class InMemoryFile:
    """A small file, read when it is first asked for and then kept."""

    load: Callable[[], bytes]

    @cached_property
    def data(self) -> bytes:
        return self.load()

    @property
    def size(self) -> int:
        return len(self.data)

    @cached_property
    def etag(self) -> str:
        """Weak, since the file is sent compressed and as it is."""
        return f'W/"{hashlib.sha256(self.data).hexdigest()[:32]}"'

    def read(self, start: int, stop: int) -> bytes:
        return self.data[start:stop]


@dataclass(frozen=True)
class FileSlice:
    """A part of a large file, which is never kept in memory."""

    file: Path
    begin: int
    size: int

    @cached_property
    def etag(self) -> str:
        digest = hashlib.sha256()
        for start in range(0, self.size, CHUNK):
            digest.update(self.read(start, start + CHUNK))
        return f'"{digest.hexdigest()[:32]}"'

    def read(self, start: int, stop: int) -> bytes:
        """Bytes ``start`` to ``stop``, or to the end.

        Raises:
            OSError: when they are no longer there.
        """
        wanted = min(stop, self.size) - start
        with open(self.file, "rb") as opened:
            opened.seek(self.begin + start)
            found = opened.read(wanted)
        if len(found) < wanted:
            raise OSError(f"{self.file} has become shorter")
        return found


ByteSource = InMemoryFile | FileSlice


class ChunkedResponse(Response):
    """A source as the body. ``first`` is its first chunk, so that a missing file is noticed before the answer begins."""

    def __init__(self, source: ByteSource, first: bytes, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(None, media_type=media_type, headers=headers | {"Content-Length": str(source.size)})
        self.source, self.first = source, first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Each chunk is awaited: the server takes the next one when the client has read the last."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        size = 0 if scope["method"] == "HEAD" else self.source.size
        chunk = self.first if size else b""
        for start in range(CHUNK, size, CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            chunk = await run_in_threadpool(self.source.read, start, start + CHUNK)
        await send({"type": "http.response.body", "body": chunk})
