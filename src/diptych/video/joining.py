"""Segments and the sound of the source become one film: packets are copied, not encoded again."""

import heapq
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from diptych.video.encoding import TICK, written
from diptych.video.films import opened
from diptych.video.segments import Segments

if TYPE_CHECKING:
    from av import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet as GenericPacket

    Packet = GenericPacket[Any]

FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".webm": "webm"}
SOUND = {
    ".mp4": ("aac", "mp3", "opus", "ac3", "eac3", "flac", "alac"),
    ".webm": ("opus", "vorbis"),
    ".mkv": ("aac", "mp3", "opus", "ac3", "eac3", "flac", "alac", "vorbis", "dts", "truehd", "mp2", "pcm_s16le"),
}
"""Sound that a container takes as it is; other sound becomes Opus."""
OPUS_RATE = 48_000
OWN_TAGS = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration")
"""Metadata that belongs to the file, and not to the film."""


class Timed(NamedTuple):
    """A packet, its track, and the seconds by which packets are interleaved."""

    seconds: float
    track: int
    packet: "Packet"


def join(segments: Segments, out: Path, source: Path | None, time_base: Fraction, rotation: int) -> list[str]:
    """Write the film; returns sentences on what it could not keep.

    Args:
        source: the film whose sound and metadata it gets; None = none.
        time_base: of the frames' times.
        rotation: degrees by which players are to turn it, counter-clockwise.

    Raises:
        DiptychError: when it cannot be written.
    """
    ending, notes = out.suffix.lower(), []
    with ExitStack() as stack:
        film = stack.enter_context(written(out, FORMATS[ending]))
        before = stack.enter_context(opened(source)) if source is not None else None
        offset = max(before.start_time or 0, 0) if before is not None else 0  # some count from elsewhere than 0
        tracks: list[Iterator[Timed]] = [pictures(stack, film, segments, time_base, rotation, offset)]
        if before is not None and source is not None:
            kept = {key: value for key, value in before.metadata.items() if key.lower() not in OWN_TAGS}
            film.metadata.update(kept)
            for number, stream in enumerate(before.streams.audio, 1):
                sound = stack.enter_context(opened(source))
                tracks.append(sound_track(sound, stream.index, film, ending, number, offset))
            if left := len(before.streams.subtitles) + len(before.streams.data):
                notes.append(f"Subtitles and data of {source} are left out ({left} tracks).")
        started = [
            next(track, None) for track in tracks
        ]  # makes the streams, which must be there before the first packet
        begun = [one for one in started if one is not None]
        for timed in heapq.merge(*([one] for one in begun), *tracks, key=lambda one: (one.seconds, one.track)):
            film.mux_one(timed.packet)
    return notes


def pictures(
    stack: ExitStack, film: "OutputContainer", segments: Segments, time_base: Fraction, rotation: int, offset: int
) -> Iterator[Timed]:
    """The packets of all segments, at the times of the source's frames."""
    count = segments.whole
    starts, durations = times_of(segments, count)
    shift = round(offset / (1_000_000 * time_base))
    first = stack.enter_context(opened(segments.place(0)))
    stream = film.add_stream_from_template(first.streams.video[0], opaque=True)
    stream.time_base = time_base
    if rotation:
        stream.set_display_rotation(rotation)
    number, delay = 0, delay_of(segments)
    for segment in range(count):
        with opened(segments.place(segment)) as container:
            place = number
            for packet in container.demux(container.streams.video[0]):
                if packet.size == 0:
                    continue
                shown = place + shown_as(packet)
                packet.stream, packet.time_base = stream, time_base
                packet.pts, packet.dts = starts[shown] - shift, decoded_at(starts, number - delay) - shift
                packet.duration = durations[shown]
                number += 1
                yield Timed(float(packet.dts * time_base), 0, packet)


def times_of(segments: Segments, count: int) -> tuple[list[int], list[int]]:
    """All frames' starts, and how long each is shown: until the next."""
    starts: list[int] = []
    durations: list[int] = []
    for segment in range(count):
        times = segments.times(segment)
        starts += times.starts
        durations += times.durations
    return starts, [later - one for one, later in pairwise(starts)] + durations[-1:]


def delay_of(segments: Segments) -> int:
    """How many frames the encoder reorders: by so many a packet is decoded before it is shown."""
    with opened(segments.place(0)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
        return max(number - shown_as(packet) for number, packet in enumerate(packets))


def shown_as(packet: "Packet") -> int:
    """The number in its segment of the frame that a packet holds."""
    assert packet.pts is not None
    assert packet.time_base is not None
    return round(packet.pts * packet.time_base / TICK)


def decoded_at(starts: list[int], number: int) -> int:
    """The time of the frame ``number``; those before the first go on backwards."""
    if number >= 0:
        return starts[number]
    step = starts[1] - starts[0] if len(starts) > 1 else 1
    return starts[0] + number * step


def sound_track(
    sound: "InputContainer", index: int, film: "OutputContainer", ending: str, number: int, offset: int
) -> Iterator[Timed]:
    """A track of sound: its packets as they are where the container takes them, else as Opus."""
    stream: Any = sound.streams[index]
    if stream.codec_context.name.removeprefix("lib") in SOUND[ending]:
        copied = film.add_stream_from_template(stream)
        packets = copies(sound, stream, copied)
    else:
        packets = transcoded(sound, stream, film)
    for packet in packets:
        assert packet.time_base is not None
        shift = round(offset / (1_000_000 * packet.time_base))
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        yield Timed(float((packet.dts or 0) * packet.time_base), number, packet)


def copies(sound: "InputContainer", stream: "AudioStream", copied: "AudioStream") -> "Iterator[Packet]":
    for packet in packets_of(sound, stream):
        if packet.size and packet.dts is not None:
            packet.stream = copied
            yield packet


def packets_of(sound: "InputContainer", stream: "AudioStream") -> "Iterator[Packet]":
    """Until the end, or to where the file breaks off."""
    import av

    with suppress(av.FFmpegError):
        yield from (packet for packet in sound.demux(stream) if not packet.is_corrupt)  # such as one that was cut


def transcoded(sound: "InputContainer", stream: "AudioStream", film: "OutputContainer") -> "Iterator[Packet]":
    import av

    layout = "stereo" if stream.layout.nb_channels == 2 else "mono" if stream.layout.nb_channels == 1 else "5.1"
    opus: Any = film.add_stream("libopus", rate=OPUS_RATE)
    opus.layout = layout
    resampler = av.AudioResampler(format="flt", layout=layout, rate=OPUS_RATE)
    for packet in packets_of(sound, stream):
        with suppress(av.FFmpegError):  # a damaged packet is a gap
            for frame in stream.decode(packet):
                for part in resampler.resample(frame):
                    yield from opus.encode(part)
    for part in resampler.resample(None):
        yield from opus.encode(part)
    yield from opus.encode(None)
