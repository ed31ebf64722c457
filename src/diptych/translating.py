"""Many pictures through a translator: every one is done, what cannot be is listed at the end."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from diptych import formats
from diptych.errors import DiptychError, UsageError, out_of_memory
from diptych.fitting import with_hole
from diptych.images import Kind, Stored
from diptych.resampling import squared
from diptych.translator import Style, Translator

INSTANCES = Kind(colour="instances", depth="uint16")
MASK = Kind(colour="grey")


@dataclass(frozen=True)
class Job:
    """How pictures are to be translated and written."""

    translator: Translator
    size: tuple[int, int] | None = None
    seed: int | None = None
    batch: int = 1
    overwrite: bool = False
    grid: bool = False
    format: str = ""
    style: Style = None
    instances: Path | None = None
    """Folder of the instance maps of class maps, by the same names."""
    masks: Path | None = None
    """Folder of masks by the same names, or one mask for all: white where the hole is."""

    def read(self, source: Path | bytes, name: str = "") -> Stored:
        kind = self.translator.card.source
        picture = formats.read(source, kind, name)
        name = name or str(source)
        if kind.colour == "labels" and kind.instances and picture.shape[2] == 1:
            beside = formats.read(companion(self.instances, name, "instance map", "--instances"), INSTANCES)
            picture = np.concatenate([picture, same_size(beside, picture, name)], axis=2)
        if kind.colour == "holed":
            if self.masks is not None:
                mask = same_size(formats.read(companion(self.masks, name, "mask", "--mask"), MASK), picture, name)
                picture = with_hole(picture[..., :3], mask >= 128, kind)
            if picture[..., 3].all():
                raise DiptychError(
                    f"{name} has no hole to fill; make it transparent there, or give a mask with --mask."
                )
        return picture

    def translate(self, pictures: list[Stored]) -> list[Stored]:
        """Results, or with ``grid`` inputs and results side by side as 8-bit RGB."""
        results = self.translator.several(pictures, size=self.size, seed=self.seed, style=self.style)
        if not self.grid:
            return results
        return [self.beside(picture, result) for picture, result in zip(pictures, results, strict=True)]

    def beside(self, picture: Stored, result: Stored) -> Stored:
        card = self.translator.card
        left = card.source.preview(card.source.to_tensor(picture))
        left = squared(left, result)
        right = result if result.dtype == np.uint8 and result.shape[2] == 3 else None
        return np.concatenate(
            [left, card.target.preview(card.target.to_tensor(result)) if right is None else right], axis=1
        )

    def translate_bytes(self, data: bytes, name: str) -> Stored:
        return self.translate([self.read(data, name)])[0]

    def write(self, place: Path | BinaryIO, picture: Stored, ending: str = "") -> None:
        formats.write(place, picture, ending)

    def write_new(self, place: Path, picture: Stored) -> None:
        """Write, unless something stands there that may not be replaced."""
        if place.exists() and not self.overwrite:
            raise DiptychError(f"{place} exists; give --overwrite to replace it, or another --out.")
        self.write(place, picture)

    def ending(self, source: Path) -> str:
        """The result's ending: as asked, else the input's where it can hold what comes out, else .png or .npy."""
        if self.format:
            return f".{self.format}"
        kind = self.translator.card.target
        channels, depth = (3, "uint8") if self.grid else (kind.stored_channels, kind.depth)
        candidates = [source.suffix.lower(), ".png", ".tif", ".npy"]
        return next(ending for ending in candidates if formats.holds(ending, channels, depth))


def companion(place: Path | None, name: str, what: str, option: str) -> Path:
    """The file that belongs to the picture ``name``: ``place`` itself, or the one of that name in the folder.

    Raises:
        DiptychError: when there is none.
    """
    if place is None:
        raise DiptychError(f"{name} needs its {what}; say where it is with {option}.")
    if not place.is_dir():
        return place
    stem = Path(name).stem
    found = next((file for file in formats.list_pictures(place) if file.stem == stem), None)
    if found is None:
        raise DiptychError(f"there is no {what} called {stem} in {place}; add it, or correct {option}.")
    return found


def same_size(beside: Stored, picture: Stored, name: str) -> Stored:
    if beside.shape[:2] != picture.shape[:2]:
        sizes = " and ".join(f"{one.shape[1]}x{one.shape[0]}" for one in (picture, beside))
        raise DiptychError(f"{name} and what belongs to it differ in size ({sizes}); bring them to one size.")
    return beside


def write_all(job: Job, pictures: list[tuple[Path, Path]], out: Path) -> int:
    """Translate all pictures into ``out``; the exit code is 1 when any could not be done."""
    places = destinations(job, pictures, out)
    failures: list[str] = []
    notes: list[str] = []
    done, began, total = 0, time.perf_counter(), len(pictures)
    for group in groups(job, places, failures, notes):
        done += finish(job, group, failures)
        rate = (done + len(failures)) / (time.perf_counter() - began)
        left = (total - done - len(failures)) / rate if rate else 0
        if sys.stderr.isatty():
            print(
                f"\r\033[K{done}/{total}  {rate:.1f} pictures/s  left {left:.0f} s", end="", file=sys.stderr, flush=True
            )
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print(f"{done} of {total} pictures translated into {out} ({time.perf_counter() - began:.1f} s).")
    for note in notes:
        print(note, file=sys.stderr)
    for failure in failures:
        print(f"not done: {failure}", file=sys.stderr)
    return 1 if failures else 0


def finish(job: Job, group: list[tuple[Path, Stored]], failures: list[str]) -> int:
    """Translate and write pictures of equal shape; how many were done. One that fails leaves the others be."""
    try:
        results = job.translate([picture for _, picture in group])
    except (DiptychError, MemoryError, RuntimeError) as problem:
        if not isinstance(problem, DiptychError) and not out_of_memory(problem):
            raise
        why = problem if isinstance(problem, DiptychError) else "out of memory; give a smaller --size or --batch."
        failures += [f"{place}: {why}" for place, _ in group]
        return 0
    done = 0
    for (place, _), result in zip(group, results, strict=True):
        try:
            job.write_new(place, result)
            done += 1
        except DiptychError as problem:
            failures.append(str(problem))
    return done


def destinations(job: Job, pictures: list[tuple[Path, Path]], out: Path) -> list[tuple[Path, Path]]:
    """(source, place of its result); one input may name a file as its result.

    Raises:
        UsageError: when two results would share a place, or one would replace its input.
    """
    one_file = len(pictures) == 1 and out.suffix.lower() in formats.ENDINGS and not out.is_dir()
    places: dict[Path, Path] = {}
    for source, inside in pictures:
        place = out if one_file else (out / inside).with_suffix(job.ending(source))
        if place in places:
            raise UsageError(f"{places[place]} and {source} would both become {place}; translate them separately.")
        if place.resolve() == source.resolve():
            raise UsageError(f"{source} would be replaced by its own result; give another --out.")
        places[place] = source
    return [(source, place) for place, source in places.items()]


def groups(
    job: Job, places: list[tuple[Path, Path]], failures: list[str], notes: list[str]
) -> Iterator[list[tuple[Path, Stored]]]:
    """Read pictures and put neighbours of equal shape together, at most ``job.batch`` of them."""
    held: list[tuple[Path, Stored]] = []
    queue = iter(places)
    while chunk := list(islice(queue, 1)):
        source, place = chunk[0]
        try:
            if place.exists() and not job.overwrite:
                raise DiptychError(f"{place} exists; give --overwrite to replace it, or another --out.")
            picture = job.read(source)
            if (frames := formats.probe(source).frames) > 1:
                notes.append(f"{source} has {frames} frames; the first was translated.")
        except DiptychError as problem:
            failures.append(str(problem))
            continue
        if held and (held[0][1].shape != picture.shape or len(held) == job.batch):
            yield held
            held = []
        held.append((place, picture))
    if held:
        yield held
