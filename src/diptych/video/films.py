"""Films, read by FFmpeg through PyAV: upright frames as pictures of a Kind, with their times."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diptych.errors import DiptychError
from diptych.files import named_in_utf8, require_regular_file
from diptych.machine.runtimes import required_package
from diptych.pictures import formats
from diptych.pictures.kinds import Kind
from diptych.video.colours import stated_colours, to_rgb
from diptych.video.frames import Facts, Frame

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import InputContainer

TURN = 90
SHORTFALL = 0.5
"""Seconds by which a film may end before the end that it states, since containers round."""
DEFAULT_RATE = Fraction(25)
"""Of streams that state no rate."""


@contextmanager
def opened(path: Path) -> "Iterator[InputContainer]":
    """A film that FFmpeg can open.

    Raises:
        DiptychError: when PyAV is not installed, or the file is no film or is damaged.
    """
    with required_package("PyAV", "a film"):
        import av
    formats.open_file(path).close()
    with named_in_utf8(require_regular_file(path)) as named:
        try:
            container = av.open(str(named))
        except av.FFmpegError as problem:
            raise DiptychError(f"{path} is no film, or truncated or damaged ({reason(problem)}); replace it.") from None
        with container:
            yield container


def reason(problem: Exception) -> str:
    """FFmpeg's words without the file's name."""
    return str(getattr(problem, "strerror", "") or problem).partition(":")[0]


class Film:
    """A film's picture track."""

    def __init__(self, path: Path, kind: Kind) -> None:
        """Read the facts.

        Args:
            kind: of the frames' pictures, of colours or greys.

        Raises:
            DiptychError: when the file is no film, has no picture, or is too large.
        """
        self.path, self.kind = path, kind
        self.problem = ""
        with opened(path) as container:
            stream = picture_track(container, path)
            first = next(decoded(container, stream, []), None)
            if first is None:
                raise DiptychError(f"{path} holds no frame that can be decoded; replace it.")
            if first.width * first.height > formats.MAX_PIXELS:
                raise DiptychError(
                    f"{path} is {first.width}x{first.height}, larger than {formats.MAX_PIXELS:,} pixels; make it smaller, "
                    "or set DIPTYCH_MAX_PIXELS."
                )
            self.timed = first.pts is not None
            self.facts = facts_of(stream, first)
            self.stated_end = stated_end(container, stream)

    def frames(self, after: int | None = None) -> Iterator[Frame]:
        """The frames in order; with ``after`` the film is entered at the key frame before, where that can be found.

        Raises:
            DiptychError: when the file can no longer be read.
        """
        with opened(self.path) as container:
            stream = picture_track(container, self.path)
            damaged: list[str] = []
            before: Frame | None = None
            for frame in self.entered(container, stream, after, damaged):
                before = self.frame_of(frame, before)
                if after is None or before.start > after:
                    yield before
        self.problem = self.shortfall(before, damaged)

    def entered(
        self, container: "InputContainer", stream: "VideoStream", after: int | None, damaged: list[str]
    ) -> "Iterator[VideoFrame]":
        """The frames from the key frame before ``after`` on, or all of them where it cannot be found."""
        import av

        if after is not None and self.timed:
            with suppress(av.FFmpegError):
                container.seek(after, stream=stream)
                walk = decoded(container, stream, damaged)
                first = next(walk, None)
                if first is not None and first.pts is not None and first.pts <= after:
                    yield first
                    yield from walk
                    return
            damaged.clear()
            with opened(self.path) as again:
                yield from decoded(again, picture_track(again, self.path), damaged)
        else:
            yield from decoded(container, stream, damaged)

    def frame_of(self, frame: "VideoFrame", before: Frame | None) -> Frame:
        """As a picture; a time that is missing or does not grow is the one after the frame before."""
        step = frame.duration or max(1, round(1 / self.facts.rate / self.facts.time_base))
        start = frame.pts
        if before is not None and (start is None or start <= before.start):
            start = before.start + (step if start is None else 1)
        deep = self.kind.depth == "uint16" and frame.format.components[0].bits > 8
        pixels = np.rot90(to_rgb(frame, self.facts.colours, deep), self.facts.rotation // TURN)
        return Frame(formats.from_array(np.ascontiguousarray(pixels), self.kind), start or 0, step)

    def shortfall(self, last: Frame | None, damaged: list[str]) -> str:
        """A sentence where frames are missing that the file should have."""
        seconds = float((last.start + last.duration) * self.facts.time_base) if last is not None else 0.0
        if seconds < self.stated_end - max(SHORTFALL, 2 / float(self.facts.rate)):
            return (
                f"{self.path} breaks off at {seconds:.1f} of {self.stated_end:.1f} s; what there is was translated. "
                "Copy it again for the rest."
            )
        if damaged:
            return f"{self.path} is damaged at {len(damaged)} places ({damaged[0]}), whose frames are missing."
        return ""


def picture_track(container: "InputContainer", path: Path) -> "VideoStream":
    """The first picture track that is no cover.

    Raises:
        DiptychError: when there is none.
    """
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            stream.thread_type = "AUTO"
            return stream
    raise DiptychError(f"{path} has no pictures, only sound; name a film.")


def decoded(container: "InputContainer", stream: "VideoStream", damaged: list[str]) -> "Iterator[VideoFrame]":
    """All frames that can be decoded; ``damaged`` gets a word for every packet that cannot."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as problem:  # the rest cannot be found any more
            damaged.append(reason(problem))
            packet = None
        try:
            yield from stream.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError as problem:
            damaged.append(reason(problem))
        if packet is None or packet.size == 0:
            return


def facts_of(stream: "VideoStream", first: "VideoFrame") -> Facts:
    rotation = round(first.rotation / TURN) * TURN % 360
    height, width = first.height, first.width
    if rotation % 180:
        height, width = width, height
    rate = stream.average_rate or stream.guessed_rate or DEFAULT_RATE
    assert stream.time_base is not None
    return Facts(
        height=height,
        width=width,
        rate=Fraction(rate),
        time_base=stream.time_base,
        count=stream.frames or math.ceil((stream.duration or 0) * stream.time_base * rate),
        rotation=rotation,
        aspect=stream.sample_aspect_ratio or Fraction(1),
        colours=stated_colours(first),
    )


def stated_end(container: "InputContainer", stream: "VideoStream") -> float:
    """Seconds at which the picture should end; 0 where the file does not say."""
    if stream.duration:
        assert stream.time_base is not None
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    if text := stream.metadata.get("DURATION", ""):  # of Matroska and WebM
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    alone = len(container.streams) == 1
    return ((container.start_time or 0) + container.duration) / 1e6 if alone and container.duration else 0.0
