"""Films, animated pictures and folders of frames in ``diptych translate``."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.commands import STREAM
from diptych.commands.places import require_outside_runs, require_place_for_pictures
from diptych.errors import UsageError
from diptych.video.frames import ANIMATED_ENDINGS, FILM_ENDINGS, WRITTEN_ENDINGS

if TYPE_CHECKING:
    from diptych.pictures.kinds import Kind
    from diptych.translator.many import Job
    from diptych.translator.many.films import FilmOptions
    from diptych.video.frames import Moving

MIN_FOR_EXPORT = 64
"""Pictures for which exporting to a faster engine, which takes seconds, is worth it."""
MOVING_OUT = (*WRITTEN_ENDINGS, *ANIMATED_ENDINGS)


def check_places(
    inputs: tuple[str, ...], out: str, live: str, options: "FilmOptions", rate: str, refused: Mapping[str, object]
) -> bool:
    """Whether frames are to be translated in their order.

    Args:
        refused: options that are for pictures alone.

    Raises:
        UsageError: for inputs, an ``--out`` and options that do not go together.
    """
    if not 0 <= options.smoothing < 1:
        raise UsageError(
            f"--temporal-smoothing is {options.smoothing}; it must be at least 0 and below 1, such as 0.6."
        )
    if live:
        if inputs or out:
            raise UsageError("--live takes its pictures from a camera and writes no file; leave inputs and --out away.")
        refuse_given(refused, "pictures", "a camera")
        check_pictures_options(options.codec, options.crf, rate)
        return False
    if not out:
        raise UsageError("--out requires an argument, a folder or a file name.")
    if not inputs:
        raise UsageError("name at least one picture, folder or pattern to translate, or - for standard input.")
    if is_moving(inputs, out, options.smoothing):
        check_moving(inputs, out, options, rate, refused)
        return True
    check_pictures_options(options.codec, options.crf, rate)
    require_place_for_pictures(inputs, out)
    return False


def refuse_given(options: Mapping[str, object], whose: str, what: str) -> None:
    """Raises: UsageError for the first of the options that was given."""
    if given := [name for name, value in options.items() if value]:
        raise UsageError(f"--{given[0]} is for {whose}, and this is {what}; leave it away.")


def check_pictures_options(codec: str, crf: int | None, rate: str) -> None:
    if rate or codec or crf is not None:
        raise UsageError(
            "--rate, --codec and --crf are for films; leave them away, or give --out a name such as film.mp4."
        )


def is_moving(inputs: tuple[str, ...], out: str, smoothing: float) -> bool:
    """Whether frames are to be translated in their order, and not pictures each for itself."""
    if STREAM in (*inputs, out):
        return False
    if any(Path(text).suffix.lower() in FILM_ENDINGS and not Path(text).is_dir() for text in inputs):
        return True
    ending = Path(out).suffix.lower()
    if ending in FILM_ENDINGS or smoothing:
        return True
    if len(inputs) != 1 or ending not in ANIMATED_ENDINGS:
        return False
    return Path(inputs[0]).is_dir() or is_animated(Path(inputs[0]))


def is_animated(path: Path) -> bool:
    """Whether a picture's file holds several frames."""
    from diptych.pictures import formats

    return path.suffix.lower() in (".png", *ANIMATED_ENDINGS) and path.is_file() and formats.probe(path).frames > 1


def check_moving(
    inputs: tuple[str, ...], out: str, options: "FilmOptions", rate: str, refused: Mapping[str, object]
) -> None:
    """Raises: UsageError for options that are not for films, or an ``--out`` that cannot be one."""
    from diptych.pictures.formats import ENDINGS

    ending = Path(out).suffix.lower()
    if len(inputs) != 1:
        raise UsageError("films are translated one by one; give one input.")
    refuse_given(refused, "pictures", "a film")
    if ending not in MOVING_OUT and ending in ENDINGS | FILM_ENDINGS:
        raise UsageError(f"--out is {out}; films are written as {' '.join(MOVING_OUT)}, or as frames into a folder.")
    if rate and not Path(inputs[0]).is_dir():
        raise UsageError("--rate is for folders of frames, and this file has its own; leave it away.")
    if ending not in WRITTEN_ENDINGS and (options.codec or options.crf is not None):
        raise UsageError(f"--codec and --crf are for {' '.join(WRITTEN_ENDINGS)}; leave them away.")
    require_outside_runs(
        Path(out), "translated.mp4" if ending in MOVING_OUT else "translated", one_file=ending in MOVING_OUT
    )


def parse_rate(rate: str) -> Fraction:
    """Frames a second, such as 25 or 30000/1001.

    Raises:
        UsageError: when it is none.
    """
    try:
        found = Fraction(rate or 25)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not 0 < found <= 1000:
        raise UsageError(f'--rate is "{rate}"; give frames a second, such as 25 or 30000/1001.')
    return found


def open_moving(place: Path, kind: "Kind", rate: str) -> "Moving":
    """The frames of a film, an animated picture or a folder.

    Raises:
        DiptychError: when it cannot be read.
    """
    from diptych.video.animations import Animation, Folder
    from diptych.video.films import Film

    if place.is_dir():
        return Folder(place, kind, parse_rate(rate))
    return Film(place, kind) if place.suffix.lower() in FILM_ENDINGS else Animation(place, kind)


def translate_one(
    make: "Callable[..., tuple[Job, str]]", kind: "Kind", place: str, out: str, rate: str, options: "FilmOptions"
) -> int:
    """Translate all frames of ``place``; for few the engine "auto" is torch.

    Args:
        make: makes the job with an engine, and a sentence on it.
        kind: what the translator takes.
    """
    from diptych.translator.many.films import translate_moving

    source = open_moving(Path(place), kind, rate)
    job, note = make(few=0 < source.facts.count < MIN_FOR_EXPORT)
    print(note, end="\n" if note else "", flush=True)
    return translate_moving(job, source, Path(out), options)
