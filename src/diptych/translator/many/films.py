"""Moving pictures through a translator: frame by frame into a film, an animated picture, or a folder of frames."""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError, UsageError
from diptych.machine.ahead import ahead
from diptych.machine.progress import show
from diptych.pictures import formats
from diptych.pictures.kinds import Stored
from diptych.translator.many.jobs import Job, exists_message, preview_of
from diptych.translator.many.progress import FrameProgress
from diptych.translator.many.record import file_stamp
from diptych.video.animations import Animation, Folder, write_animation
from diptych.video.encoding import Encoding, Segment, chosen_codec, written
from diptych.video.films import Film
from diptych.video.frames import ANIMATED_ENDINGS, WRITTEN_ENDINGS, Facts, Frame, Moving
from diptych.video.joining import join
from diptych.video.segments import LENGTH, Segments, Times
from diptych.video.smoothing import Smoother

FORMAT = 1
"""Counts up when the same command would make other films than before."""
AHEAD = 8
"""Frames that are decoded while others are translated."""
TURNED = (".mp4",)
"""Films in which players turn the picture; in others it is stored upright."""


@dataclass(frozen=True)
class FilmOptions:
    """How moving pictures are written."""

    codec: str = ""
    crf: int | None = None
    smoothing: float = 0.0
    """Share of the translated frame before, moved along the flow, in each frame; 0 = none."""


class Made(NamedTuple):
    """A translated frame, with the times of its source."""

    frame: Frame
    result: Stored


def translate_moving(job: Job, source: Moving, out: Path, options: FilmOptions) -> int:
    """Translate all frames into ``out``, by its ending a film, an animated picture or a folder; the exit code.

    Raises:
        UsageError: for a translator that takes or gives no colours, or options that do not fit.
        DiptychError: when frames cannot be read, or ``out`` not be written.
    """
    require_colours(job, options)
    if out.exists() and not job.overwrite and not out.is_dir():
        raise DiptychError(exists_message(out))
    progress = FrameProgress(source.facts.count)
    try:
        if (ending := out.suffix.lower()) in ANIMATED_ENDINGS:
            notes = to_animation(job, source, out, options, progress)
        elif ending in WRITTEN_ENDINGS:
            notes = to_film(job, source, out, options, progress)
        else:
            notes = to_folder(job, source, out, options, progress)
    except KeyboardInterrupt:
        show()
        goes_on = ending in WRITTEN_ENDINGS
        print(
            "interrupted; the same command goes on where this one stopped." if goes_on else "interrupted.",
            file=sys.stderr,
        )
        return 130
    show()
    print(f"{progress.summary()} translated into {out}.")
    for note in notes:
        print(note, file=sys.stderr)
    if source.problem:
        print(f"not done: {source.problem}", file=sys.stderr)
    return 1 if source.problem else 0


def require_colours(job: Job, options: FilmOptions) -> None:
    """Raises: UsageError for a translator that frames of films are not for."""
    card = job.translator.card
    if card.source.colour not in ("rgb", "grey"):
        raise UsageError(
            f"frames of films are colours, and this translator takes {card.source.colour}; translate a folder of pictures."
        )
    if options.smoothing and card.target.colour == "labels":
        raise UsageError("classes cannot be blended; leave --temporal-smoothing away.")


def translated(job: Job, frames: Iterator[Frame], smoother: Smoother | None) -> Iterator[Made]:
    """Frames with their results, in order; a note on the scale is printed at the first."""
    noted = False
    while group := list(islice(frames, job.batch)):
        pictures = [frame.picture for frame in group]
        if not noted and (note := job.size_note(pictures[0])):
            show()
            print(note, flush=True)
        noted = True
        results = job.translator.translate_many(pictures, size=job.size, seed=job.seed, style=job.style)
        for frame, result in zip(group, results, strict=True):
            one = smoother.next(preview_of(job.translator.card.source, frame.picture), result) if smoother else result
            yield Made(frame, job.side_by_side(frame.picture, [one]) if job.grid else one)


def result_rgb(job: Job, made: Made) -> npt.NDArray[np.uint8]:
    return made.result if job.grid else preview_of(job.translator.card.target, made.result)


def smoother_of(job: Job, options: FilmOptions) -> Smoother | None:
    return Smoother(options.smoothing, job.translator.card.target.range) if options.smoothing else None


# Into a film


def to_film(job: Job, source: Moving, out: Path, options: FilmOptions, progress: FrameProgress) -> list[str]:
    """Segment after segment, from the last whole one on; then all become the film."""
    facts, smoother = source.facts, smoother_of(job, options)
    segments = Segments(out, fingerprint(job, source, out, options))
    with segments.taken():
        if segments.begun_anew:
            print(f"An unfinished {out} was of another job; it is begun anew.", flush=True)
        number = segments.whole
        times = [segments.times(one) for one in range(number)]
        progress.went_on(sum(len(one.starts) for one in times))
        if smoother is not None and number:
            smoother.restore(segments.carried(number - 1))
        with closing(ahead(source.frames(times[-1].starts[-1] if times else None), AHEAD)) as frames:
            made = translated(job, frames, smoother)
            for first in made:
                write_segment(
                    job, segments, number, chain([first], islice(made, LENGTH - 1)), facts, options, smoother, progress
                )
                number += 1
        if not number:
            raise DiptychError(f"there is no frame to translate into {out}; look at the source.")
        sound = source.path if isinstance(source, Film) else None
        turn = facts.rotation if out.suffix.lower() in TURNED else 0
        notes = join(segments, out, sound, facts.time_base, turn)
        segments.remove()
    return notes


def write_segment(
    job: Job,
    segments: Segments,
    number: int,
    made: Iterator[Made],
    facts: Facts,
    options: FilmOptions,
    smoother: Smoother | None,
    progress: FrameProgress,
) -> None:
    segment, times = None, Times([], [])
    turned = facts.rotation if segments.out.suffix.lower() in TURNED else 0
    with written(segments.place(number), "matroska") as container:
        for one in made:
            rgb = np.rot90(result_rgb(job, one), -turned // 90)
            if segment is None:
                segment = Segment(container, encoding_of(rgb, facts, options, segments.out, turned))
            segment.add(rgb)
            times.starts.append(one.frame.start)
            times.durations.append(one.frame.duration)
            progress.add()
        assert segment is not None
        segment.end()
        segments.note(number, times, smoother.carried() if smoother is not None else {})
    if number:
        segments.forget_carried(number - 1)


def encoding_of(rgb: npt.NDArray[np.uint8], facts: Facts, options: FilmOptions, out: Path, turned: int) -> Encoding:
    """How frames of this size, as they are stored, are encoded."""
    height, width = rgb.shape[:2]
    codec, crf = chosen_codec(options.codec, out.suffix.lower(), height, width, options.crf)
    aspect = 1 / facts.aspect if (facts.rotation - turned) % 180 else facts.aspect
    return Encoding(codec, crf, height, width, facts.rate.limit_denominator(100_000), facts.colours, aspect)


def fingerprint(job: Job, source: Moving, out: Path, options: FilmOptions) -> str:
    """Equal for commands that would make the same film from the same source."""
    paths = (
        source.paths if isinstance(source, Folder) else [source.path] if isinstance(source, Film | Animation) else []
    )
    stamps = [(str(path.resolve()), file_stamp(path)) for path in paths]
    facts = [str(source.facts.rate), LENGTH]
    text = json.dumps([FORMAT, job.fingerprint, stamps, facts, out.suffix.lower(), asdict(options)])
    return hashlib.sha256(text.encode()).hexdigest()


# Into an animated picture, or a folder


def to_animation(job: Job, source: Moving, out: Path, options: FilmOptions, progress: FrameProgress) -> list[str]:
    """The frames for as long as they were shown, in the steps in which the format counts."""
    facts, unit = source.facts, ANIMATED_ENDINGS[out.suffix.lower()]

    def shown(frame: Frame) -> int:  # the difference of rounded times, so that errors do not add up
        end = frame.start + (frame.duration or 1 / facts.rate / facts.time_base)
        first, last = (round(Fraction(time) * facts.time_base * 1000 / unit) for time in (frame.start, end))
        return unit * max(1, last - first)

    def results(frames: Iterator[Frame]) -> Iterator[tuple[npt.NDArray[np.uint8], int]]:
        for made in translated(job, frames, smoother_of(job, options)):
            progress.add()
            yield result_rgb(job, made), shown(made.frame)

    with closing(ahead(source.frames(), AHEAD)) as frames:
        write_animation(out, results(frames), source.loop if isinstance(source, Animation) else 0)
    return []


def to_folder(job: Job, source: Moving, out: Path, options: FilmOptions, progress: FrameProgress) -> list[str]:
    """Each frame as a picture, named by its number, or as its source."""
    if out.is_dir() and any(out.iterdir()) and not job.overwrite:
        raise DiptychError(f"{out} holds files already; give --overwrite, or another --out.")
    with closing(ahead(source.frames(), AHEAD)) as frames:
        for number, made in enumerate(translated(job, frames, smoother_of(job, options))):
            path = source.paths[number] if isinstance(source, Folder) else Path(f"{number:06}")
            formats.write((out / path.name).with_suffix(job.ending(path)), made.result)
            progress.add()
    return []
