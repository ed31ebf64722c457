"""Around every request: a bound on how many there are, a line in the log, counts, and headers."""

import logging
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diptych.serving.assets import HEADERS
from diptych.serving.limits import Limits
from diptych.serving.metrics import Metrics
from diptych.serving.problems import answer

LOG = logging.getLogger("diptych.serving")
ROUTES = ("/translate", "/translators", "/translators.json", "/health", "/metrics", "/openapi.json", "/")


class Watch:
    """ASGI middleware; the log has no picture, no address of a client, and no name that is not served."""

    def __init__(self, app: ASGIApp, metrics: Metrics, limits: Limits) -> None:
        self.app, self.metrics, self.limits = app, metrics, limits
        self.at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        number = secrets.token_hex(4)
        seen: dict[str, Any] = {"status": 499, "bytes": 0}  # 499: the client has gone

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                extra = [(key.lower().encode(), value.encode()) for key, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *extra, (b"x-request-id", number.encode())]
            else:
                seen["bytes"] += len(message.get("body", b""))
            await send(message)

        self.at_once += 1
        try:
            if self.at_once > self.limits.connections:
                words = "too many requests at once; try again in 1 s."
                await answer(503, words, {"Retry-After": "1"})(scope, receive, watched)
            else:
                await self.app(scope, receive, watched)
        except Exception:
            LOG.exception(
                "request %s failed", number, extra={"fields": {"request": number, "route": route_of(scope["path"])}}
            )
            if seen["status"] == 499:
                words = f"something went wrong here; the log says what, under {number}."
                await answer(500, words)(scope, receive, watched)
        finally:
            self.at_once -= 1
            self.note(scope, seen, number, time.perf_counter() - began)

    def note(self, scope: Scope, seen: dict[str, Any], number: str, seconds: float) -> None:
        route = route_of(scope["path"])
        self.metrics.requests.labels(route, str(seen["status"])).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        line = {
            "request": number,
            "method": scope["method"][:10],
            "route": route,
            "status": seen["status"],
            "milliseconds": round(seconds * 1000, 1),
            "bytes": seen["bytes"],
        }
        LOG.info("request %s", number, extra={"fields": line})


def route_of(path: str) -> str:
    """One of a few words, so that no client can grow the counters."""
    first = "/" + path.lstrip("/").split("/")[0]
    return first if first in ROUTES else "page"
