"""Encoders: which are offered, which is the default of a container, and one segment of a film as a file of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError, UsageError, write_error
from diptych.files import atomic_write
from diptych.machine.runtimes import required_package
from diptych.tables import no_such
from diptych.video.colours import tag, to_yuv
from diptych.video.frames import Colours

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream


class Codec(NamedTuple):
    """An encoder of FFmpeg, how it is asked for quality, and the endings that take it."""

    encoder: str
    crf: int
    """The default; smaller is better and larger in bytes."""
    worst: int
    options: dict[str, str]
    endings: tuple[str, ...]


CODECS = {
    "av1": Codec("libsvtav1", 28, 63, {"preset": "8", "svtav1-params": "lp=2"}, (".mp4", ".mkv", ".webm")),
    "vp9": Codec(
        "libvpx-vp9",
        28,
        63,
        {"b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1", "auto-alt-ref": "0"},
        (".mp4", ".mkv", ".webm"),
    ),
    "h264": Codec("libx264", 20, 51, {"preset": "medium"}, (".mp4", ".mkv")),
}
"""The first two by default: PyAV's wheel brings an x264 under the GPL, so h264 is taken only when it is asked for."""
SMALLEST = 64
"""A side from which SVT-AV1 encodes; it also wants even sides. VP9 takes the others."""
TICK = Fraction(1, 1000)
"""Of Matroska. In a segment a frame's time is its number; its true time stands beside."""


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded; equal for every segment of a film."""

    codec: str
    crf: int
    height: int
    width: int
    rate: Fraction
    colours: Colours
    aspect: Fraction

    @property
    def facts(self) -> list[Any]:
        """What another encoding differs in, for a fingerprint."""
        return [self.codec, self.crf, self.height, self.width, str(self.rate), list(self.colours), str(self.aspect)]


def chosen_codec(name: str, ending: str, height: int, width: int, crf: int | None) -> tuple[str, int]:
    """The codec of a film, and its quality.

    Raises:
        UsageError: when there is no such codec, or it does not go into such a file, takes no such frames or quality.
    """
    even = height % 2 == 0 and width % 2 == 0
    fits = even and min(height, width) >= SMALLEST
    found = name or ("av1" if fits else "vp9")
    if found not in CODECS:
        raise no_such("codec", found, list(CODECS))
    codec = CODECS[found]
    if ending not in codec.endings:
        raise UsageError(f"{found} does not go into a {ending} file; choose from {' '.join(codec.endings)}.")
    if (found == "av1" and not fits) or (found == "h264" and not even):
        raise UsageError(f"{found} takes no frames of {width}x{height}; give --codec vp9.")
    if crf is not None and not 0 <= crf <= codec.worst:
        raise UsageError(f"--crf is {crf}; for {found} it lies between 0, the best, and {codec.worst}.")
    return found, codec.crf if crf is None else crf


@contextmanager
def written(place: Path, form: str) -> "Iterator[OutputContainer]":
    """A container that is whole or not there.

    Raises:
        DiptychError: when PyAV is not installed, or it cannot be written.
    """
    with required_package("PyAV", "a film"):
        import av
    with atomic_write(place) as beside, open(beside, "wb") as file:
        try:
            with av.open(file, "w", format=form) as container:
                yield container
        except av.FFmpegError as problem:
            if isinstance(problem, OSError) and problem.errno:
                raise write_error(place, problem) from None
            raise DiptychError(f"{place} cannot be encoded ({problem}); give another --codec or --crf.") from None


class Segment:
    """A part of a film as it is encoded."""

    def __init__(self, container: "OutputContainer", encoding: Encoding) -> None:
        codec = CODECS[encoding.codec]
        os.environ.setdefault("SVT_LOG", "1")  # errors alone, not all settings for every segment
        self.container, self.encoding, self.count = container, encoding, 0
        options = codec.options | {"crf": str(encoding.crf)}
        self.stream = cast("VideoStream", container.add_stream(codec.encoder, rate=encoding.rate, options=options))
        context = self.stream.codec_context
        context.width, context.height = encoding.width, encoding.height
        context.pix_fmt = "yuv420p"
        context.time_base = 1 / encoding.rate
        context.sample_aspect_ratio = encoding.aspect
        tag(context, encoding.colours)

    def add(self, rgb: npt.NDArray[np.uint8]) -> None:
        """The next frame, (height, width, 3), as it is to be stored."""
        frame = to_yuv(rgb, self.encoding.colours)
        frame.pts, frame.time_base = self.count, 1 / self.encoding.rate
        self.count += 1
        self.mux(self.stream.encode(frame))

    def mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.time_base = TICK  # times are numbers of frames
            self.container.mux_one(packet)

    def end(self) -> None:
        self.mux(self.stream.encode(None))
