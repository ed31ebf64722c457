"""ASGI middleware around every request: the log, counters, headers, a limit on concurrent pictures, and compression."""

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
from diptych.serving.service.problems import problem_response

LOG = logging.getLogger("diptych.serving")
ROUTES = ("/translate", "/translators", "/translators.json", "/health", "/ready", "/metrics", "/openapi.json", "/")
CLIENT_CLOSED_REQUEST = 499
"""The status in logs where the client has gone."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""As it may come from outside."""
UNCOMPRESSED = ("/translate/", "/examples/", "/models/", "/vendor/")
"""Pictures and networks: compressed already, or too large to be compressed for each client anew."""


class RequestLogMiddleware:
    """Logs and counts requests, and adds headers. No picture, client address or unknown name gets into the log."""

    def __init__(self, app: ASGIApp, metrics: Metrics, names: Set[str]) -> None:
        self.app, self.metrics, self.names = app, metrics, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = scope["request_id"] = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        sent: dict[str, Any] = {"status": CLIENT_CLOSED_REQUEST, "bytes": 0}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
                extra = [(key.lower().encode(), value.encode()) for key, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *extra, (b"x-request-id", request_id.encode())]
            else:
                sent["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            route, translator = self.route_of(scope["path"])
            self.metrics.requests.labels(route, translator, str(sent["status"])).inc()
            self.metrics.seconds.labels(route, translator).observe(seconds)
            fields = {
                "request": request_id,
                "method": scope["method"][:10],
                "route": route,
                "translator": translator,
                "status": sent["status"],
                "milliseconds": round(seconds * 1000, 1),
                "bytes": sent["bytes"],
            }
            LOG.info("request %s", request_id, extra={"fields": fields})

    def route_of(self, path: str) -> tuple[str, str]:
        """(route, translator) from fixed lists, so that no client can grow the counters."""
        first, _, rest = path.lstrip("/").partition("/")
        if f"/{first}" not in ROUTES:
            return "page", ""
        return f"/{first}", rest if first == "translate" and rest in self.names else ""


class ConcurrencyMiddleware:
    """Limits concurrent pictures and answers for faults; it stands inside of what adds headers, so refusals have them too."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits
        self.concurrent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        picture = scope["path"].startswith("/translate/")  # monitors are answered however many pictures there are
        self.concurrent += picture
        try:
            if picture and self.concurrent > self.limits.concurrent_pictures:
                message = "too many requests at once; try again in 1 s."
                await problem_response(503, message, {"Retry-After": "1"})(scope, receive, send)
            else:
                await self.app(scope, receive, note_start)
        except ClientDisconnect:
            return
        except Exception:
            request_id = scope["request_id"]
            LOG.exception("request %s failed", request_id, extra={"fields": {"request": request_id}})
            if not started:
                message = f"something went wrong here; the log says what, under {request_id}."
                await problem_response(500, message)(scope, receive, send)
        finally:
            self.concurrent -= picture


class TextGZipMiddleware(GZipMiddleware):
    """Long texts are compressed for clients that accept gzip."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        compress = scope["type"] == "http" and not scope["path"].startswith(UNCOMPRESSED)
        await (super().__call__ if compress else self.app)(scope, receive, send)
