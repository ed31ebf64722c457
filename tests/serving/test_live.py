"""``diptych translate --live``: what a camera shows, translated, as a stream to this machine."""

import asyncio
import io
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from commanding import Typed, refused
from fastapi import FastAPI
from filming import film, plain
from PIL import Image

from diptych.errors import DiptychError
from diptych.pictures.kinds import Kind, Stored
from diptych.serving.service.live import Live, live_app
from diptych.video.camera import Newest, captured, live_frames
from diptych.video.flow import cv2


def get(app: FastAPI, address: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.get(address)

    return asyncio.run(ask())


class Device:
    """As OpenCV's, with three frames in BGR."""

    def __init__(self) -> None:
        self.left, self.released = 3, False

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, np.full((4, 6, 3), (10, 20, 30), np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


def test_a_camera_gives_rgb_and_is_let_go() -> None:
    device, seen = Device(), []
    with pytest.raises(DiptychError, match="camera 2 gives no more frames"):
        seen += [tuple(frame[0, 0]) for frame in captured(device, 2, Kind())]
    walk = captured(device := Device(), 2, Kind())
    assert tuple(next(walk)[0, 0]) == (30, 20, 10)
    walk.close()  # type: ignore[attr-defined]
    assert device.released


def test_the_newest_is_given_and_older_are_dropped() -> None:
    box: Newest[str] = Newest()
    assert box.wait(0, 0.01) is None
    box.put("a")
    box.put("b")
    assert box.wait(0, 1) == (2, "b")
    threading.Timer(0.05, lambda: box.put("c")).start()
    assert box.wait(2, 5) == (3, "c")
    box.close()
    assert box.wait(3, 5) is None


def test_the_stream_holds_translated_jpegs_and_frames_are_translated_only_while_watched() -> None:
    asked: list[int] = []

    def frames() -> Iterator[Stored]:
        for number in range(10_000):
            time.sleep(0.005)
            yield np.full((16, 16, 3), number % 200, np.uint8)

    def translate(taken: Iterator[Stored]) -> Iterator[np.ndarray]:
        for frame in taken:
            asked.append(int(frame[0, 0, 0]))
            yield 255 - frame

    live = Live(frames(), translate)
    live.start()
    app = live_app(live, ("camera",))
    assert "/live.mjpg" in get(app, "http://camera/").text
    assert get(app, "http://evil.example/").status_code != 200
    time.sleep(0.1)
    assert not asked
    ending = time.monotonic() + 0.5
    live.stopping = lambda: time.monotonic() > ending
    answer = get(app, "http://camera/live.mjpg")
    assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
    pattern = rb"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: (\d+)\r\n\r\n(\xff\xd8.*?)\r\n(?=--frame|$)"
    parts = re.findall(pattern, answer.content, re.DOTALL)
    assert [int(length) for length, _ in parts] == [len(jpeg) for _, jpeg in parts]
    assert len(parts) >= 3
    with Image.open(io.BytesIO(parts[0][1])) as picture:
        assert abs(int(np.array(picture)[0, 0, 0]) - (255 - asked[0])) <= 2
    assert asked == sorted(asked)
    live.stop()


def test_what_is_no_camera_is_said(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DiptychError, match="give the number of a camera, such as 0, or a film"):
        live_frames("front", Kind())

    class Closed:
        def isOpened(self) -> bool:  # noqa: N802
            return False

    monkeypatch.setattr(cv2(), "VideoCapture", lambda number: Closed())
    with pytest.raises(DiptychError, match="camera 7 cannot be opened"):
        next(live_frames("7", Kind()))
    refused(typed("translate", "run", "a.png", "--live", "0"), 2, "--live takes its pictures from a camera")


@pytest.mark.slow
def test_the_command_serves_a_film_as_a_camera_and_ends_at_once(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", plain((200, 60, 20), 25))
    words = ["translate", "openmoji", "--live", "a.mp4", "--port", "0", "--engine", "torch"]
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych", *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = next(line for line in process.stdout if line.startswith("Live on"))
    address = re.findall(r"http://\S+mjpg", line)[0]
    with urllib.request.urlopen(address, timeout=60) as answer:
        data = answer.read(4000)
        start = data.index(b"\xff\xd8")
        while b"\r\n--frame" not in data[start:]:
            data += answer.read(500)
        with Image.open(io.BytesIO(data[start : data.index(b"\r\n--frame", start)])) as picture:
            assert picture.size == (96, 72)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    process.stdout.close()
