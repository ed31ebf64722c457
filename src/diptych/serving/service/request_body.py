"""A request's body, raw or as a form, read within limits of bytes and time."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from diptych.serving.service.limits import Limits
from diptych.serving.service.problems import Problem, busy_problem

FIELDS = ("picture", "instances", "mask")
RAW = ("", "application/octet-stream")
CURL = "curl --data-binary @FILE -H 'Content-Type: image/png'"


class BodyReader:
    """Reads all bodies of a service, whose bytes in memory are limited together."""

    def __init__(self) -> None:
        self.held = 0

    @contextlib.asynccontextmanager
    async def read(self, request: Request, limits: Limits) -> AsyncIterator[dict[str, bytes]]:
        """The files of a request by field, held until they are decoded; a raw body is the picture.

        Raises:
            ClientDisconnect: when the client goes before its end.
            Problem: 408 when it comes too slowly, 413 when it is too long, 415 for another type, 422 for an invalid form,
                503 when too many others are held.
        """
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        form = kind == "multipart/form-data"
        if not form and kind not in RAW and not kind.startswith("image/"):
            message = f"a body of the type {kind[:60]} is not taken; send a picture's bytes under their own type"
            raise Problem(415, f"{message} ({CURL}), or a multipart form (curl -F picture=@FILE).")
        if (encoding := request.headers.get("content-encoding", "identity").strip().lower()) != "identity":
            raise Problem(415, f"a body packed with {encoding[:20]} is not taken; send it as it is.")
        chunks: list[bytes] = []
        length = 0
        try:
            await asyncio.wait_for(self.collect(request, limits, chunks), limits.upload_seconds)
            length, data = sum(map(len, chunks)), b"".join(chunks)
            chunks.clear()  # a body is counted once, and must not be in memory twice
            files = await parse_form(request, data, limits) if form else {"picture": data}
            del data
            yield files
        except TimeoutError:
            raise Problem(408, f"the body did not come within {limits.upload_seconds:g} s; send it faster.") from None
        finally:
            self.held -= length + sum(map(len, chunks))

    async def collect(self, request: Request, limits: Limits, chunks: list[bytes]) -> None:
        too_long = Problem(413, f"the body is longer than {limits.bytes:,} bytes; send a smaller picture.")
        stated = request.headers.get("content-length", "0")
        if stated.isdecimal() and int(stated) > limits.bytes:
            raise too_long
        length = 0
        async for chunk in request.stream():
            length += len(chunk)
            if length > limits.bytes:
                raise too_long
            if self.held + len(chunk) > limits.bytes_at_once:
                raise busy_problem(1)
            chunks.append(chunk)
            self.held += len(chunk)


class InMemoryParser(MultiPartParser):
    """Writes no temporary file: the body is within limits already."""

    spool_max_size = 2**62


async def parse_form(request: Request, data: bytes, limits: Limits) -> dict[str, bytes]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield data

    parser = InMemoryParser(request.headers, stream(), max_files=4, max_fields=4, max_part_size=limits.bytes)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as problem:  # a missing boundary is a KeyError there
        reason = getattr(problem, "message", "") or "no boundary"
        remedy = "send multipart/form-data with the field picture"
        raise Problem(422, f"the form cannot be read ({reason}); {remedy}.") from None
    files = {}
    try:
        for field, value in form.multi_items():
            if field not in FIELDS or not isinstance(value, UploadFile):
                known = f"the files {', '.join(FIELDS)} are"
                hint = "seed and size stand in the address, such as ?size=own"
                raise Problem(422, f"the form has a field that is not known; {known}, and {hint}.")
            files[field] = await value.read()
    finally:
        await form.close()
    if "picture" not in files:
        raise Problem(422, "the form has no file called picture; add it.")
    return files
