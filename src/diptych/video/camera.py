"""A camera, or a film played in its place: the newest frame, whenever one is asked for."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from diptych.errors import DiptychError, UsageError
from diptych.pictures import formats
from diptych.pictures.kinds import Kind, Stored
from diptych.video.films import Film
from diptych.video.flow import cv2

Item = TypeVar("Item")
PATIENCE = 5.0
"""Seconds in which a camera gives its first frame, and each further one."""


class Newest(Generic[Item]):
    """The newest of what one thread makes, for others; older ones are dropped."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.item: Item | None = None
        self.number = 0
        self.closed = False

    def put(self, item: Item) -> None:
        with self.changed:
            self.item, self.number = item, self.number + 1
            self.changed.notify_all()

    def close(self) -> None:
        """No more will come."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def wait(self, after: int, seconds: float) -> tuple[int, Item] | None:
        """The newest with its number, once that is larger than ``after``; None when none comes in time."""
        with self.changed:
            self.changed.wait_for(lambda: self.number > after or self.closed, seconds)
            found = self.item
            return None if self.number <= after or found is None else (self.number, found)


def live_frames(name: str, kind: Kind) -> Iterator[Stored]:
    """The frames of the camera of that number, without end; of a film again and again, at its rate.

    Raises:
        UsageError: for what is neither.
        DiptychError: when there is no such camera, it gives no frame, or the film cannot be read.
    """
    if not name.isdecimal() and not Path(name).is_file():
        raise UsageError(f"--live is {name}; give the number of a camera, such as 0, or a film.")
    return camera(int(name), kind) if name.isdecimal() else played(Film(Path(name), kind))


def camera(number: int, kind: Kind) -> Iterator[Stored]:
    device = cv2().VideoCapture(number)
    if not device.isOpened():
        raise DiptychError(f"camera {number} cannot be opened; is it plugged in, and used by nothing else?")
    return captured(device, number, kind)


def captured(device: Any, number: int, kind: Kind) -> Iterator[Stored]:
    """The frames of an OpenCV VideoCapture, which is released at the end."""
    try:
        while True:
            there, bgr = device.read()
            if not there:
                raise DiptychError(f"camera {number} gives no more frames; is it still plugged in?")
            yield formats.from_array(np.ascontiguousarray(bgr[..., ::-1]), kind)
    finally:
        device.release()


def played(film: Film) -> Iterator[Stored]:
    """Frames when they are due."""
    while True:
        began = time.monotonic()
        for frame in film.frames():
            due = began + float(frame.start * film.facts.time_base)
            time.sleep(max(0.0, due - time.monotonic()))
            yield frame.picture
