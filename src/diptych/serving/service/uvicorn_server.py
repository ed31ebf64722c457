"""The server under which the service runs, and how it stops."""

import asyncio
import contextlib
import itertools
import logging
import math
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from diptych.errors import DiptychError
from diptych.files import as_json
from diptych.serving.service.limits import Limits
from diptych.serving.service.problems import MEDIA_TYPE, answer

GRACE = 30
"""Seconds in which what was accepted is answered after the service was asked to stop."""


def protocol_with_timeouts(limits: Limits) -> type[H11Protocol]:
    """The HTTP protocol with an end to its patience, whatever a client leaves unfinished."""

    turns = itertools.count()

    class TimeoutProtocol(H11Protocol):
        cycle: Any
        deadline: asyncio.TimerHandle | None = None
        heading = False
        """Whether a head has begun and not ended."""
        turn = 0
        """Which place it has among all that clients began and were answered; clocks may be too coarse for that."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.turn = next(turns)
            if len(self.connections) > limits.sockets:
                protocols = [one for one in self.connections if isinstance(one, TimeoutProtocol)]
                least = min(protocols, key=TimeoutProtocol.worth)
                self.connections.discard(least)  # it leaves by itself only after others have come
                least.transport.abort()
            if not self.transport.is_closing():
                self.wait(limits.keep_alive_seconds, self.without_head)

        def connection_lost(self, exc: Exception | None) -> None:
            self.rest()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            before = self.cycle
            super().data_received(data)
            if self.cycle is not before:
                self.rest()
                self.heading, self.turn = False, next(turns)
            elif self.begun() and not self.heading:
                self.heading, self.turn = True, next(turns)
                self.rest()
                self.wait(limits.header_seconds, self.without_head)

        def worth(self) -> tuple[bool, bool, int]:
            """The least is closed where there are too many: nothing is owed to those who have not asked in full."""
            asked = not self.idle()
            return asked and not self.cycle.more_body, asked, self.turn

        def pause_writing(self) -> None:
            super().pause_writing()
            if self.deadline is None:  # in the middle of an answer that goes out in pieces
                self.wait(limits.answer_seconds, self.without_reader)

        def on_response_complete(self) -> None:
            self.rest()
            self.turn = next(turns)
            if self.conn.their_state is h11.SEND_BODY:  # answered before its body was there
                self.wait(limits.linger_seconds, self.without_rest)
            elif self.transport.get_write_buffer_size():
                self.wait(limits.answer_seconds, self.without_reader)
            super().on_response_complete()

        def wait(self, seconds: float, end: Any) -> None:
            self.deadline = self.loop.call_later(seconds, end)

        def rest(self) -> None:
            if self.deadline is not None:
                self.deadline.cancel()
                self.deadline = None

        def idle(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def begun(self) -> bool:
            """Whether a head is on its way, from a client that has taken its last answer."""
            taken = not self.transport.get_write_buffer_size()
            return self.idle() and self.conn.their_state is h11.IDLE and taken

        def without_head(self) -> None:
            self.deadline = None
            if self.idle() and self.conn.their_state is not h11.SEND_BODY:
                self.transport.close()

        def without_rest(self) -> None:
            self.transport.close()

        def without_reader(self) -> None:
            self.deadline = None
            if self.transport.get_write_buffer_size():
                self.transport.abort()

        def send_400_response(self, msg: str) -> None:
            told = answer(400, "this is no HTTP request that can be read; send one of HTTP/1.1.")
            headers = [("content-type", MEDIA_TYPE), ("connection", "close")]
            events = (h11.Response(status_code=400, headers=headers), h11.Data(bytes(told.body)), h11.EndOfMessage())
            with contextlib.suppress(h11.LocalProtocolError):  # an answer has begun already
                for event in events:
                    self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

    return TimeoutProtocol


class JsonFormatter(logging.Formatter):
    """Every record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
        }
        told = getattr(record, "fields", None)
        line |= told if told else {"message": record.getMessage()}
        if record.exc_info:
            line["trace"] = "".join(traceback.format_exception(*record.exc_info))
        return as_json(line)


def log() -> None:
    """What the service, its server and Python's warnings say goes to standard error, a line of JSON each."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.captureWarnings(True)
    for name, level in (
        ("diptych.serving", "INFO"),
        ("uvicorn", "WARNING"),
        ("asyncio", "ERROR"),
        ("python_multipart", "ERROR"),
        ("py.warnings", "WARNING"),
    ):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.handlers, logger.propagate = [handler], False


def bind_socket(host: str, port: int) -> socket.socket:
    """A socket at that address; 0 takes a free port.

    Raises:
        DiptychError: when it is taken or may not be used.
    """
    found = None
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        found = socket.socket(family, kind)
        if os.name == "posix":  # so that a port of a service that has just stopped counts as free
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(2048)
    except (OSError, UnicodeError) as problem:
        if found is not None:
            found.close()
        why = getattr(problem, "strerror", None) or problem
        raise DiptychError(f"{host}:{port} cannot be served on ({why}); choose another --port or --host.") from None
    return found


class Server(uvicorn.Server):
    """Stops at SIGINT and SIGTERM as a job that is done, which uvicorn's own would pass on to kill the process."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._captured_signals.clear()


def server(app: FastAPI, limits: Limits) -> Server:
    """Which speaks HTTP/1.1 alone."""
    config = uvicorn.Config(
        app,
        http=protocol_with_timeouts(limits),
        ws="none",
        access_log=False,
        log_config=None,
        timeout_keep_alive=math.ceil(limits.keep_alive_seconds),
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=32 * 1024,
        server_header=False,
    )
    return Server(config)


class Terminated(BaseException):
    """By SIGTERM."""


def terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


@contextlib.contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the process at once, with what is half written gone; the first of a container would not see it else."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except Terminated:
        os._exit(128 + signal.SIGTERM)  # to take down an interpreter that holds torch would take seconds
    finally:
        signal.signal(signal.SIGTERM, before)


def run(app: FastAPI, place: socket.socket, limits: Limits) -> None:
    """Serve until SIGINT or SIGTERM; then nothing new is accepted, and what was accepted is answered."""
    log()
    server(app, limits).run(sockets=[place])
