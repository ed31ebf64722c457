"""The uvicorn server of the service: timeouts for slow clients, logs in JSON, and how it stops."""

import asyncio
import contextlib
import itertools
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from diptych.errors import DiptychError
from diptych.files import as_json
from diptych.serving.service.limits import Limits
from diptych.serving.service.problems import MEDIA_TYPE, problem_response

GRACE = 30
"""Seconds in which accepted requests are answered after the service was asked to stop."""
MAX_HEAD = 32 * 1024
"""Bytes of a request's line and headers."""
UNREADABLE = {
    400: "this is no HTTP request that can be read; send one of HTTP/1.1.",
    431: f"the address and headers of the request have more than {MAX_HEAD // 1024} KiB; send fewer or shorter ones.",
}


class TimeoutProtocol(H11Protocol):
    """uvicorn's HTTP protocol with a timeout for whatever a client leaves unfinished; its own has one between requests alone."""

    limits: Limits
    cycle: Any
    timeout: asyncio.TimerHandle | None = None
    in_header = False
    """Whether a head has begun and not ended."""
    refused = False
    """Whether something came that is no request; the rest is dropped, so that the answer arrives before the end."""
    clock = itertools.count()  # of requests begun and answered; the system's may be too coarse
    last_active = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.last_active = next(self.clock)
        if len(self.connections) > self.limits.connections:
            protocols = [one for one in self.connections if isinstance(one, TimeoutProtocol)]
            least = min(protocols, key=TimeoutProtocol.eviction_order)
            self.connections.discard(least)  # it leaves by itself only after others have come
            least.transport.abort()
        if not self.transport.is_closing():
            self.set_timeout(self.limits.keep_alive_seconds, self.on_header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self.clear_timeout()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.refused:
            return
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self.clear_timeout()
            self.in_header, self.last_active = False, next(self.clock)
        elif not self.in_header and self.header_begun:
            self.in_header, self.last_active = True, next(self.clock)
            self.set_timeout(self.limits.header_seconds, self.on_header_timeout)

    def eviction_order(self) -> tuple[bool, bool, int]:
        """The least is closed where there are too many: first idle ones, then those without a whole request."""
        return not self.idle and not self.cycle.more_body, not self.idle, self.last_active

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.timeout is None:  # in the middle of an answer in chunks
            self.set_timeout(self.limits.answer_seconds, self.on_write_timeout)

    def on_response_complete(self) -> None:
        self.clear_timeout()
        self.last_active = next(self.clock)
        if self.conn.their_state is h11.SEND_BODY:  # answered before its body was there
            self.set_timeout(self.limits.linger_seconds, self.transport.close)
        elif self.transport.get_write_buffer_size():
            self.set_timeout(self.limits.answer_seconds, self.on_write_timeout)
        super().on_response_complete()

    def set_timeout(self, seconds: float, callback: Callable[[], None]) -> None:
        self.clear_timeout()
        self.timeout = self.loop.call_later(seconds, callback)

    def clear_timeout(self) -> None:
        if self.timeout is not None:
            self.timeout.cancel()
            self.timeout = None

    @property
    def idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    @property
    def header_begun(self) -> bool:
        """Whether a head is on its way, from a client that has taken its last answer."""
        return self.idle and self.conn.their_state is h11.IDLE and not self.transport.get_write_buffer_size()

    def on_header_timeout(self) -> None:
        self.timeout = None
        if self.idle and self.conn.their_state is not h11.SEND_BODY:
            self.transport.close()

    def on_write_timeout(self) -> None:
        self.timeout = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        status = 431 if getattr(sys.exception(), "error_status_hint", 400) == 431 else 400
        body = bytes(problem_response(status, UNREADABLE[status]).body)
        headers = [("content-type", MEDIA_TYPE), ("content-length", str(len(body))), ("connection", "close")]
        with contextlib.suppress(h11.LocalProtocolError):  # an answer has begun already
            for event in (h11.Response(status_code=status, headers=headers), h11.Data(body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.set_timeout(self.limits.linger_seconds, self.transport.close)


class JsonFormatter(logging.Formatter):
    """Every record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
        }
        line |= getattr(record, "fields", None) or {"message": record.getMessage()}
        if record.exc_info:
            line["trace"] = "".join(traceback.format_exception(*record.exc_info))
        return as_json(line)


def configure_logging() -> None:
    """Log service, server and Python's warnings to standard error, a line of JSON each."""
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
    """A listening socket at that address; 0 takes a free port.

    Raises:
        DiptychError: when it is taken or may not be used.
    """
    bound = None
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = addresses[0]
        bound = socket.socket(family, kind)
        if os.name == "posix":  # so that a port of a service that has just stopped counts as free
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(2048)
    except (OSError, UnicodeError) as problem:
        if bound is not None:
            bound.close()
        reason = getattr(problem, "strerror", None) or problem
        raise DiptychError(f"{host}:{port} cannot be served on ({reason}); choose another --port or --host.") from None
    return bound


class Server(uvicorn.Server):
    """Stops at SIGINT and SIGTERM with exit code 0; uvicorn's own would raise the signal again, which kills the process."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._captured_signals.clear()


def make_server(app: FastAPI, limits: Limits) -> Server:
    """A server that speaks HTTP/1.1 alone."""
    return Server(
        uvicorn.Config(
            app,
            http=type("LimitedProtocol", (TimeoutProtocol,), {"limits": limits}),
            ws="none",
            access_log=False,
            log_config=None,
            timeout_keep_alive=math.ceil(limits.keep_alive_seconds),
            timeout_graceful_shutdown=GRACE,
            h11_max_incomplete_event_size=MAX_HEAD,
            server_header=False,
        )
    )


@contextlib.contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """SIGTERM removes half-written files and ends the process. Without a handler the first process of a container ignores it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    except SystemExit as ended:
        if ended.code != 128 + signal.SIGTERM:
            raise
        os._exit(128 + signal.SIGTERM)  # an interpreter that holds torch takes seconds to end
    finally:
        signal.signal(signal.SIGTERM, before)


def run(app: FastAPI, listening: socket.socket, limits: Limits) -> None:
    """Serve until SIGINT or SIGTERM; then accept nothing new, and answer what was accepted."""
    configure_logging()
    make_server(app, limits).run(sockets=[listening])
