"""The page and what it fetches: a fixed table of addresses, made when the service starts."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from diptych.serving.page import assets
from diptych.serving.page.streaming import CHUNK, ChunkedResponse, InMemoryFile, Source
from diptych.serving.service.listing import Offer
from diptych.serving.service.problems import Problem


class PageRoutes:
    """Static answers by their address; nothing of a request's path is looked up on the disk."""

    def __init__(self, offers: Sequence[Offer], browser: bool) -> None:
        self.offers = offers
        self.files: dict[str, Source] = {}
        for file in assets.sources():
            self.files[file.name] = InMemoryFile(file.read_bytes)
        self.files[""] = self.files.get("index.html", InMemoryFile(bytes))
        if assets.has_runtime() and browser:
            for file in assets.runtime():
                self.files[f"vendor/{file.name}"] = InMemoryFile(file.read_bytes)
        for offer in offers:
            for number, picture in enumerate(offer.examples):
                self.files[f"examples/{offer.name}/{number}.png"] = InMemoryFile(partial(bytes, picture))
        self.browser = {offer.name: offer.browser for offer in offers if browser and offer.browser is not None}
        for name, found in self.browser.items():
            for part, place in found.parts.items():
                self.files[f"models/{name}/{part}"] = place

    def listing(self) -> dict[str, Any]:
        """As /translators says it."""
        entries = []
        for offer in self.offers:
            examples = [f"examples/{offer.name}/{number}.png" for number in range(len(offer.examples))]
            found = self.browser.get(offer.name)
            entries.append(offer.entry(examples, found.entry if found else None))
        return {"translators": entries, "served": True}

    def mount(self, app: FastAPI, guarded: list[Any]) -> None:
        """Answer GET and HEAD for every address of the table."""

        def serve(address: str) -> Callable[[Request], Any]:
            async def static(request: Request) -> Response:
                try:
                    tag, first = await run_in_threadpool(begun, self.files[address])
                except OSError:  # such as an exported network that left the cache
                    raise Problem(404, "this file is no longer there; start the service again.") from None
                headers = {"ETag": tag, "Cache-Control": "no-cache"}
                if request.headers.get("if-none-match") == tag:
                    return Response(status_code=304, headers=headers)
                kind = assets.TYPES.get(Path(address or "index.html").suffix, "application/octet-stream")
                return ChunkedResponse(self.files[address], first, kind, headers)

            return static

        for address in self.files:
            behind = guarded if address.startswith(("models/", "examples/")) else []
            app.add_api_route(
                f"/{address}", serve(address), methods=["GET", "HEAD"], include_in_schema=False, dependencies=behind
            )


def begun(source: Source) -> tuple[str, bytes]:
    """Its tag and its first piece."""
    return source.tag, source.piece(0, CHUNK)
