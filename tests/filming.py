"""Films for tests: made and read by PyAV directly, and a translator that changes nothing or makes the negative."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from diptych.pictures.kinds import Kind
from diptych.translator.card import Card
from diptych.translator.many import Job
from diptych.translator.translator import Translator

Rgb = npt.NDArray[np.uint8]


class Negative(nn.Module):
    def forward(self, source: Tensor) -> Tensor:
        return -source


class Jitter(nn.Module):
    """Another brightness for every call: flicker without motion."""

    def __init__(self) -> None:
        super().__init__()
        self.draws = torch.Generator().manual_seed(0)

    def forward(self, source: Tensor) -> Tensor:
        return (source + 0.1 * torch.randn(1, generator=self.draws)).clamp(-1, 1)


def job_of(network: nn.Module | None = None, **options: Any) -> Job:
    """Without a network the pictures come back as they are, at their own size."""
    network = network or nn.Identity()
    card = Card("a-to-b", "generator", type(network).__name__, {}, Kind(), Kind(), 1, (16, 16))
    return Job(Translator(network, card), **options)


def panned(count: int, height: int = 72, width: int = 96, step: int = 1) -> list[Rgb]:
    """A smooth picture with colours, moved to the left by ``step`` pixels a frame."""
    rng = np.random.default_rng(0)
    small = rng.integers(40, 216, (height // 24 + 1, (width + step * count) // 24 + 1, 3), dtype=np.uint8)
    wide = cv2.resize(small, (width + step * count, height), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(wide[:, step * one : step * one + width]) for one in range(count)]


def plain(colour: tuple[int, int, int], count: int = 3, height: int = 72, width: int = 96) -> list[Rgb]:
    return [np.full((height, width, 3), colour, dtype=np.uint8)] * count


def film(
    path: Path,
    frames: Sequence[Rgb],
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    codec: str = "libx264",
    sound: str = "",
    seconds: float = 0.0,
    rotation: int = 0,
    full: bool = False,
    matrix: int = 1,
) -> Path:
    """A film, nearly without loss; ``times`` in units of ``time_base``; ``sound`` names an encoder of a sine of 440 Hz."""
    with av.open(path, "w") as container:
        options = {"libx264": {"crf": "4"}, "libvpx-vp9": {"crf": "4", "b": "0", "cpu-used": "8"}}.get(codec, {})
        stream: Any = container.add_stream(codec, rate=1 / time_base, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = time_base
        context.color_range, context.colorspace = 2 if full else 1, matrix
        context.color_primaries = context.color_trc = matrix
        if rotation:
            stream.set_display_rotation(rotation)
        voice: Any = container.add_stream(sound, rate=48_000) if sound else None
        if voice is not None:
            voice.layout = "mono"
        for number, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
                format="yuv420p", dst_colorspace={6: 5}.get(matrix, matrix), dst_color_range=2 if full else 1
            )
            frame.pts, frame.time_base = times[number] if times else number, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if voice is not None:
            container.mux(sine(voice, seconds or len(frames) * float(time_base)))
    return path


def sine(voice: Any, seconds: float) -> list[Any]:
    wave = np.sin(np.arange(round(48_000 * seconds)) * (2 * np.pi * 440 / 48_000)).astype(np.float32)
    packets: list[Any] = []
    for start in range(0, len(wave), 960):
        part = av.AudioFrame.from_ndarray(wave[None, start : start + 960], format="fltp", layout="mono")
        part.sample_rate, part.pts, part.time_base = 48_000, start, Fraction(1, 48_000)
        packets += voice.encode(part)
    packets += voice.encode(None)
    return packets


class Seen(NamedTuple):
    """What PyAV sees in a film."""

    frames: list[Rgb]
    seconds: list[Fraction]
    sound: npt.NDArray[np.float32]
    sound_start: Fraction
    tags: tuple[int, int, int, int]
    rotation: int
    codecs: tuple[str, ...]
    end: Fraction


def seen(path: Path) -> Seen:
    """Everything in a film; frames as stored, not turned."""
    with av.open(path) as container:
        video = container.streams.video[0]
        frames = list(container.decode(video))
        first = frames[0]
        tags = (int(first.color_range), int(first.colorspace), int(first.color_primaries), int(first.color_trc))
        codecs = tuple(stream.codec_context.name for stream in container.streams)
        end = Fraction((video.duration or 0) * video.time_base) if video.time_base else Fraction(0)
    times = [frame.pts * frame.time_base for frame in frames if frame.pts is not None and frame.time_base is not None]
    sound, start = np.zeros(0, np.float32), Fraction(0)
    with av.open(path) as container:
        if container.streams.audio:
            heard = list(container.decode(container.streams.audio[0]))
            start = Fraction(heard[0].pts * heard[0].time_base)  # type: ignore[operator]
            sound = np.concatenate([one.to_ndarray().mean(axis=0) for one in heard]).astype(np.float32)
    rgb = [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in frames]
    return Seen(rgb, times, sound, start, tags, round(first.rotation), codecs, end)


def seen_by_opencv(path: Path) -> list[Rgb]:
    """The frames as another reader shows them: turned."""
    frames: list[Rgb] = []
    reader = cv2.VideoCapture(str(path))
    while (found := reader.read())[0]:
        frames.append(np.ascontiguousarray(found[1][..., ::-1], dtype=np.uint8))
    return frames


def difference(one: Rgb, other: Rgb) -> float:
    """In grey levels, on average."""
    return float(np.abs(one.astype(int) - other).mean())
