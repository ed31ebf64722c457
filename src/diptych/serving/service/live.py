"""What a camera shows, translated, as a stream of JPEG pictures (MJPEG) that any browser and most players show."""

import io
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from PIL import Image
from starlette.concurrency import run_in_threadpool

from diptych.errors import DiptychError
from diptych.pictures.kinds import Stored
from diptych.serving.service.hosts import HostMiddleware
from diptych.serving.service.problems import Problem, handle_problem
from diptych.video.camera import PATIENCE, Newest

WATCHERS = 8
"""Clients that may watch at once; each has a copy of every picture."""
QUALITY = 85
BOUNDARY = "frame"
PAGE = """<!doctype html><html lang="en"><title>diptych live</title>
<body style="margin:0;background:#111"><img src="/live.mjpg" alt="The translated camera"
style="display:block;margin:auto;max-width:100%;height:100vh;object-fit:contain">"""
Rgb = npt.NDArray[np.uint8]
Translate = Callable[[Iterator[Stored]], Iterator[Rgb]]


class Live:
    """Two threads: one takes frames from the camera, one translates the newest while somebody watches."""

    def __init__(self, frames: Iterator[Stored], translate: Translate) -> None:
        self.frames, self.translate = frames, translate
        self.taken: Newest[Stored] = Newest()
        self.made: Newest[bytes] = Newest()
        self.stopping: Callable[[], bool] = lambda: False
        self.watchers = 0
        self.watched = threading.Event()
        self.stopped = threading.Event()
        self.problem: DiptychError | None = None
        self.threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to take frames.

        Raises:
            DiptychError: when there is none within some seconds.
        """
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.take, self.make)]
        for thread in self.threads:
            thread.start()
        if self.taken.wait(0, PATIENCE) is None:
            raise self.problem or DiptychError("the camera gives no frame; is it used by something else?")

    def take(self) -> None:
        try:
            for frame in self.frames:
                if self.stopped.is_set():
                    break
                self.taken.put(frame)
        except DiptychError as problem:
            self.problem = problem
        finally:
            self.taken.close()

    def newest(self) -> Iterator[Stored]:
        """The newest frame each time one is asked for, while somebody watches."""
        number = 0
        while not self.stopped.is_set():
            if not self.watched.wait(0.5):
                continue
            found = self.taken.wait(number, PATIENCE)
            if found is None:
                return
            number, frame = found
            yield frame

    def make(self) -> None:
        try:
            for rgb in self.translate(self.newest()):
                file = io.BytesIO()
                Image.fromarray(rgb).save(file, "JPEG", quality=QUALITY)
                self.made.put(file.getvalue())
        except DiptychError as problem:
            self.problem = problem
        finally:
            self.made.close()

    async def stream(self) -> AsyncIterator[bytes]:
        """The parts of a multipart answer, until the client goes or the service ends."""
        number = self.made.number
        self.watchers += 1
        self.watched.set()
        try:
            while not (self.stopping() or self.made.closed):
                found = await run_in_threadpool(self.made.wait, number, 0.5)
                if found is not None:
                    number, jpeg = found
                    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    yield head.encode() + jpeg + b"\r\n"
        finally:
            self.watchers -= 1
            if not self.watchers:
                self.watched.clear()

    def stop(self) -> None:
        """End both threads: a process that ends while one computes is aborted. A camera that hangs is not waited for."""
        self.stopped.set()
        self.watched.set()
        for thread in self.threads:
            thread.join(PATIENCE)


def live_app(live: Live, hosts: Sequence[str]) -> FastAPI:
    """A page that shows the stream, and the stream itself."""
    app = FastAPI(
        title="diptych live",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers={Problem: handle_problem},
    )

    @app.get("/")
    async def page() -> Response:
        return HTMLResponse(PAGE)

    @app.get("/live.mjpg")
    async def stream() -> Response:
        if live.watchers >= WATCHERS:
            raise Problem(503, f"{WATCHERS} clients watch already; close one.")
        if live.made.closed:
            raise Problem(503, str(live.problem or "the camera has ended; start again."))
        media_type = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return StreamingResponse(live.stream(), media_type=media_type, headers={"Cache-Control": "no-store"})

    app.add_middleware(HostMiddleware, hosts=hosts)
    return app
