"""The server under which the service runs, and how it stops."""

import asyncio
import logging
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from diptych.serving.limits import Limits

GRACE = 30
"""Seconds in which what was accepted is answered after the service was asked to stop."""


def patient(seconds: float) -> type[H11Protocol]:
    """The HTTP protocol with an end to its patience: a connection whose request's head does not come is closed."""

    class Patient(H11Protocol):
        deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.deadline = self.loop.call_later(seconds, self.give_up)

        def give_up(self) -> None:
            if self.cycle is None and not self.transport.is_closing():
                self.transport.close()

    return Patient


def run(app: FastAPI, host: str, port: int, limits: Limits) -> None:
    """Serve until SIGINT or SIGTERM; then nothing new is accepted, and what was accepted is answered."""
    logging.getLogger("diptych.serving").setLevel(logging.INFO)
    if not logging.getLogger("diptych.serving").handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logging.getLogger("diptych.serving").addHandler(handler)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=patient(limits.header_seconds),
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=10,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=32 * 1024,
        server_header=False,
    )
    uvicorn.Server(config).run()
