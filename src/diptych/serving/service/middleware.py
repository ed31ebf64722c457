"""Around every request: a bound on the pictures in hand, a line in the log, counts, and headers."""

import logging
import re
import secrets
import time
from collections.abc import Set
from typing import Any

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diptych.serving.page.assets import HEADERS
from diptych.serving.service.limits import Limits
from diptych.serving.service.metrics import Metrics
from diptych.serving.service.problems import answer

LOG = logging.getLogger("diptych.serving")
ROUTES = ("/translate", "/translators", "/translators.json", "/health", "/ready", "/metrics", "/openapi.json", "/")
GONE = 499
"""What logs say of a client that has gone."""
NUMBER = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Of a request, as it may come from outside."""
DENSE = ("/translate/", "/examples/", "/models/", "/vendor/")
"""Where pictures and networks are, which are small already or too large to be compressed for each client anew."""


class RequestLogMiddleware:
    """ASGI middleware; the log has no picture, no address of a client, and no name that is not served."""

    def __init__(self, app: ASGIApp, metrics: Metrics, names: Set[str]) -> None:
        self.app, self.metrics, self.names = app, metrics, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        stated = Headers(scope=scope).get("x-request-id", "")
        number = scope["number"] = stated if NUMBER.fullmatch(stated) else secrets.token_hex(8)
        seen: dict[str, Any] = {"status": GONE, "bytes": 0}

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                extra = [(key.lower().encode(), value.encode()) for key, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *extra, (b"x-request-id", number.encode())]
            else:
                seen["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            self.note(scope, seen, number, time.perf_counter() - began)

    def note(self, scope: Scope, seen: dict[str, Any], number: str, seconds: float) -> None:
        route, translator = self.route_of(scope["path"])
        self.metrics.requests.labels(route, translator, str(seen["status"])).inc()
        self.metrics.seconds.labels(route, translator).observe(seconds)
        line = {
            "request": number,
            "method": scope["method"][:10],
            "route": route,
            "translator": translator,
            "status": seen["status"],
            "milliseconds": round(seconds * 1000, 1),
            "bytes": seen["bytes"],
        }
        LOG.info("request %s", number, extra={"fields": line})

    def route_of(self, path: str) -> tuple[str, str]:
        """One of a few words, and the translator's name if there is such, so that no client can grow the counters."""
        first, _, rest = path.lstrip("/").partition("/")
        if f"/{first}" not in ROUTES:
            return "page", ""
        return f"/{first}", rest if first == "translate" and rest in self.names else ""


class ConcurrencyMiddleware:
    """ASGI middleware within what adds headers, so that refusals have them too: how many pictures are in hand, and faults."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits
        self.at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def begins(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        picture = scope["path"].startswith("/translate/")  # what monitors ask is answered however many there are
        self.at_once += picture
        try:
            if picture and self.at_once > self.limits.connections:
                words = "too many requests at once; try again in 1 s."
                await answer(503, words, {"Retry-After": "1"})(scope, receive, send)
            else:
                await self.app(scope, receive, begins)
        except ClientDisconnect:
            return
        except Exception:
            number = scope["number"]
            LOG.exception("request %s failed", number, extra={"fields": {"request": number}})
            if not begun:
                words = f"something went wrong here; the log says what, under {number}."
                await answer(500, words)(scope, receive, send)
        finally:
            self.at_once -= picture


class TextGZipMiddleware:
    """ASGI middleware: what is text and long goes out by gzip to those who accept it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.packed = app, GZipMiddleware(app, minimum_size=500, compresslevel=6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        dense = scope["type"] != "http" or scope["path"].startswith(DENSE)
        await (self.app if dense else self.packed)(scope, receive, send)
