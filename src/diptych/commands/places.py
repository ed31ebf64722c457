"""The places that a command names: pictures to read, and where it may write, which is nothing that a run or a model folder owns."""

import glob
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from diptych.commands import STREAM
from diptych.errors import DiptychError, UsageError

RUN_FOLDERS = ("checkpoints", "pictures", "evaluation", "tensorboard")
RUN_FILES = ("recipe.toml", "data.json", "card.json", "log.jsonl", "scores.jsonl", "events.jsonl", "faults.jsonl")
"""What training keeps in a run's folder; ``diptych report`` writes report.html there."""


def require_outside_runs(out: Path, results: str, *, one_file: bool = False, allowed: str = "") -> None:
    """Refuse an ``--out`` that a run or a model folder owns; a new subfolder of it, or a new file in it, is free.

    Args:
        results: a name for what would be written, for the sentence.
        one_file: ``out`` is a file and no folder of results.
        allowed: a folder of a run in which such results have folders of their own.

    Raises:
        UsageError: with another place to name.
    """
    place = out.resolve()
    for owner in (place, *place.parents):
        begun = any(
            map(os.path.exists, (owner / "checkpoints", owner / "data.json"))
        )  # a recipe alone may be anybody's
        run = begun and os.path.isfile(owner / "recipe.toml")
        if not run and not all(os.path.isfile(owner / name) for name in ("card.json", "weights.safetensors")):
            continue
        inside = place.relative_to(owner).parts
        owned = run and inside and (inside[0] in RUN_FOLDERS or (len(inside) == 1 and inside[0] in RUN_FILES))
        if owned and not (inside[0] == allowed and len(inside) > 1):
            what = f"{inside[0]} of a run"
        elif not inside and not one_file:
            what = "a run's own folder" if run else "a model's own folder"
        else:
            return
        other = (out if place == owner else owner) / results
        raise UsageError(
            f"--out is {out}, {what}, in which other results have no place; name another, such as {other}."
        )


def require_place_for_pictures(inputs: Sequence[str], out: str) -> None:
    """Refuse an ``--out`` for translated pictures that a run owns; one input may become a file of any new name."""
    from diptych.pictures.formats import ENDINGS

    place = Path(out)
    if out != STREAM:
        one_file = len(inputs) == 1 and place.suffix.lower() in ENDINGS and not place.is_dir()
        require_outside_runs(place, "translated.png" if one_file else "translated", one_file=one_file)


def find_pictures(inputs: tuple[str, ...], out: Path) -> list[tuple[Path, Path]]:
    """Every picture that the inputs name, with its place under the output folder.

    Where ``out`` lies in an input folder, its pictures are results of earlier commands and no inputs.

    Raises:
        DiptychError: for an input that is not there, or a folder without pictures.
    """
    from diptych.pictures.formats import ENDINGS
    from diptych.pictures.passed_over import ignored_files

    pictures: dict[Path, Path] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in ENDINGS)
            inside = [file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)]
            if path.resolve() in out.resolve().parents:
                inside = skip_results(inside, out)
            if note := ignored_files(path):
                print(note, file=sys.stderr)
            if not inside:
                raise DiptychError(f"there is no picture in {path} (endings: {' '.join(sorted(ENDINGS))}).")
            pictures |= {picture: picture.relative_to(path) for picture in inside}
        elif path.exists():
            pictures[path] = Path(path.name)
        else:
            matches = sorted(Path(match) for match in glob.glob(text, recursive=True) if Path(match).is_file())
            if not matches:
                raise DiptychError(f"there is no {text}; name pictures, folders, or patterns that match something.")
            if any(out.resolve() not in match.resolve().parents for match in matches):
                matches = skip_results(matches, out)
            pictures |= {match: Path(match.name) for match in matches}
    return list(pictures.items())


def skip_results(pictures: list[Path], out: Path) -> list[Path]:
    """Those outside of ``out``; prints how many are inside."""
    kept = [picture for picture in pictures if not picture.resolve().is_relative_to(out.resolve())]
    if skipped := len(pictures) - len(kept):
        print(f"passed over in {out}, where the results go: {skipped} of the pictures.", file=sys.stderr)
    return kept
