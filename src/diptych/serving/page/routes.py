"""The page and its files: a fixed table of addresses, made when the service starts."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from diptych.serving.page import assets
from diptych.serving.page.streaming import CHUNK, ByteSource, ChunkedResponse, InMemoryFile
from diptych.serving.service.listing import Offer
from diptych.serving.service.problems import Problem


class PageRoutes:
    """Static files by their address; no request's path is looked up on the disk."""

    def __init__(self, offers: Sequence[Offer], browser: bool) -> None:
        self.offers = offers
        self.files: dict[str, ByteSource] = {
            assets.page_address(file): InMemoryFile(file.read_bytes) for file in assets.page_files()
        }
        self.files[""] = self.files.get("index.html", InMemoryFile(bytes))
        if assets.has_runtime() and browser:
            for file in assets.runtime_files():
                self.files[f"vendor/{assets.sent_name(file)}"] = InMemoryFile(partial(assets.sent_bytes, file))
        for offer in offers:
            for address, picture in offer.pictures.items():
                self.files[address] = InMemoryFile(partial(bytes, picture))
        self.browser = {offer.name: offer.browser for offer in offers if browser and offer.browser is not None}
        for name, model in self.browser.items():
            for part, source in model.parts.items():
                self.files[f"models/{name}/{part}"] = source

    def listing(self) -> dict[str, Any]:
        """The answer of /translators."""
        entries = []
        for offer in self.offers:
            model = self.browser.get(offer.name)
            entries.append(offer.entry(model.entry if model else None))
        return {"translators": entries, "served": True}

    def mount(self, app: FastAPI, guarded: list[Any]) -> None:
        """Answer GET and HEAD for every address of the table."""

        def serve(address: str, source: ByteSource) -> Callable[[Request], Any]:
            media_type = assets.TYPES.get(Path(address or "index.html").suffix, "application/octet-stream")

            async def static(request: Request) -> Response:
                try:
                    etag, first = await run_in_threadpool(lambda: (source.etag, source.read(0, CHUNK)))
                except OSError:  # such as an exported network that left the cache
                    raise Problem(404, "this file is no longer there; start the service again.") from None
                headers = {"ETag": etag, "Cache-Control": "no-cache"}
                if request.headers.get("if-none-match") == etag:
                    return Response(status_code=304, headers=headers)
                return ChunkedResponse(source, first, media_type, headers)

            return static

        for address, source in self.files.items():
            dependencies = guarded if address.startswith(("models/", "examples/")) else []
            app.add_api_route(
                f"/{address}",
                serve(address, source),
                methods=["GET", "HEAD"],
                include_in_schema=False,
                dependencies=dependencies,
            )
