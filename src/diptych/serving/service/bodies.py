"""A request's body, read within limits of bytes and time, raw or as a form."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from diptych.serving.service.limits import Limits
from diptych.serving.service.problems import Problem, busy

FIELDS = ("picture", "instances", "mask")
RAW = ("", "application/octet-stream")
CURL = "curl --data-binary @FILE -H 'Content-Type: image/png'"


class Bodies:
    """All bodies that are held at once, which are bounded together."""

    def __init__(self) -> None:
        self.held = 0

    @contextlib.asynccontextmanager
    async def taken(self, request: Request, limits: Limits) -> AsyncIterator[dict[str, bytes]]:
        """The files of a request by field, until they are decoded; a raw body is the picture.

        Raises:
            ClientDisconnect: when it does not come any more.
            Problem: 408 when it comes too slowly, 413 when it is too long, 415 for another type, 422 for an unfit form,
                503 when too many others are held.
        """
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        form = kind == "multipart/form-data"
        if not form and kind not in RAW and not kind.startswith("image/"):
            words = f"a body of the type {kind[:60]} is not taken; send a picture's bytes under their own type"
            raise Problem(415, f"{words} ({CURL}), or a multipart form (curl -F picture=@FILE).")
        if (packed := request.headers.get("content-encoding", "identity").strip().lower()) != "identity":
            raise Problem(415, f"a body packed with {packed[:20]} is not taken; send it as it is.")
        parts: list[bytes] = []
        length = 0
        try:
            await asyncio.wait_for(self.collect(request, limits, parts), limits.upload_seconds)
            length, data = sum(map(len, parts)), b"".join(parts)
            parts.clear()  # what is held is counted once, and must not lie here twice
            files = await parsed(request, data, limits) if form else {"picture": data}
            del data
            yield files
        except TimeoutError:
            raise Problem(408, f"the body did not come within {limits.upload_seconds:g} s; send it faster.") from None
        finally:
            self.held -= length + sum(map(len, parts))

    async def collect(self, request: Request, limits: Limits, parts: list[bytes]) -> None:
        too_long = Problem(413, f"the body is longer than {limits.bytes:,} bytes; send a smaller picture.")
        stated = request.headers.get("content-length", "0")
        if stated.isdecimal() and int(stated) > limits.bytes:
            raise too_long
        length = 0
        async for part in request.stream():
            length += len(part)
            if length > limits.bytes:
                raise too_long
            if self.held + len(part) > limits.bytes_at_once:
                raise busy(1)
            parts.append(part)
            self.held += len(part)


class InMemory(MultiPartParser):
    """Never a file on the disk: the whole body is within limits already."""

    spool_max_size = 2**62


async def parsed(request: Request, data: bytes, limits: Limits) -> dict[str, bytes]:
    async def once() -> AsyncGenerator[bytes, None]:
        yield data

    try:
        form = await InMemory(request.headers, once(), max_files=4, max_fields=4, max_part_size=limits.bytes).parse()
    except (MultiPartException, KeyError, ValueError) as problem:  # a missing boundary is a KeyError there
        words = getattr(problem, "message", "") or "no boundary"
        raise Problem(
            422, f"the form cannot be read ({words}); send multipart/form-data with the field picture."
        ) from None
    found = {}
    try:
        for field, value in form.multi_items():
            if field not in FIELDS or not isinstance(value, UploadFile):
                words = "seed and size stand in the address, such as ?size=own"
                raise Problem(
                    422, f"the form has a field that is not known; the files {', '.join(FIELDS)} are, and {words}."
                )
            found[field] = await value.read()
    finally:
        await form.close()
    if "picture" not in found:
        raise Problem(422, "the form has no file called picture; add it.")
    return found
