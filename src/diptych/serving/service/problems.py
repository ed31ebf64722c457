"""Refusals as problem details (RFC 9457): a status and one sentence."""

import math
import time
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence: what is wrong, and what to do."},
    },
}
RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}


class Problem(Exception):
    """A request that cannot be answered as asked."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}


def busy_problem(seconds: float) -> Problem:
    """503: the queue is full, and has room again in about so many ``seconds``."""
    wait = max(1, math.ceil(seconds))
    return Problem(503, f"too many pictures are waiting; try again in {wait} s.", {"Retry-After": str(wait)})


def timeout_problem(started: float | None, limit: float, wait: float = 1.0) -> Problem:
    """413 or 503 for a translation that took longer than ``limit`` seconds.

    Args:
        started: when its own computing began, by time.perf_counter(). Where that took at least half of the time, trying
            again would not help.
        wait: seconds until there is likely to be room, where it would.
    """
    if started is not None and time.perf_counter() - started >= limit / 2:
        return Problem(413, f"the translation took longer than {limit:g} s; make the picture smaller.")
    return busy_problem(wait)


def problem_response(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem_details(status, detail), status, headers, media_type=MEDIA_TYPE)


def problem_details(status: int, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}


async def handle_problem(request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, Problem)
    return problem_response(problem.status, problem.detail, problem.headers)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": SCHEMA, "example": problem_details(status, "one sentence.")}},
            **({"headers": RETRY} if status == 503 else {}),
        }
        for status in statuses
    }
