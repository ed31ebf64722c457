"""One example looked at closely: whether training can read it, what is odd about it, and what is measured on it."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from diptych.data.checks.alignment import Shift, shift_between
from diptych.data.checks.set_warnings import Finding, Measurements
from diptych.data.datasets import Pairs
from diptych.data.derived import Shrunk
from diptych.data.entries import Entry, File, Layout, content, files_of, probe, read
from diptych.data.settings import OF_TWO, DataSettings
from diptych.errors import DiptychError
from diptych.pictures.depths import shown
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.resizing import resize
from diptych.pictures.values.missing import missing_in, without_gaps

THUMBNAIL = 16  # side of the thumbnails by which pictures are compared
# Mean differences and standard deviations in 8-bit levels, under which:
FLAT_THUMBNAIL = 8.0  # a thumbnail tells nothing apart
CONSTANT = 0.5  # a picture is of one colour
SAME = 1.0  # two halves are identical
PALETTE_REACH = 25  # 8-bit distance in any channel within which a colour is a palette's
PALETTE_MISSED = 0.5  # share of a picture's pixels that no palette colour explains


def examine(
    settings: DataSettings, layout: Layout, split: str, domain: str, entry: Entry
) -> tuple[Measurements | None, list[Finding]]:
    """Read one example as training would, and measure it."""
    path, files = entry.a[0], files_of([entry])
    try:
        halves, classes = read_example(settings, layout, split, domain, entry)
        digest = "".join(hashlib.blake2b(content(file), digest_size=16).hexdigest() for file in files)
    except (DiptychError, OSError) as problem:
        words = str(problem) if isinstance(problem, DiptychError) else f"{path} cannot be read: {problem.strerror}."
        if advice := other_direction(settings, layout, split, domain, entry):
            words = f"{path} {advice}"
        named = next((str(file) for file in files if words.startswith(str(file))), "")
        return None, [Finding("cannot be used", words, fatal=True, file=named)]
    findings = []
    for file in files:
        if (frames := probe(file).frames) > 1:
            words = f"{file} has {frames} frames; the first is taken, split it to use them all."
            findings.append(Finding("animated", words, file=str(file)))
    names = sides(settings, layout, domain, halves)
    findings += without_data(path, names, halves)
    halves = plain(settings, names, halves)
    pictures = dict(zip(names, halves, strict=True))
    findings += [replace(warning, file=str(path)) for warning in picture_warnings(settings, path, pictures)]
    richness = float(np.log(num_colours(halves[0]) / num_colours(halves[1]))) if len(halves) == 2 else 0.0
    peaks = {side: float(half.max()) for side, half in pictures.items()}
    measured = Measurements(split + domain, path, digest, thumbnail(halves), richness, classes, peaks)
    return measured, findings


def shift_of(settings: DataSettings, layout: Layout, split: str, domain: str, entry: Entry) -> Shift | None:
    """The shift between the partners of an example.

    Raises:
        DiptychError: when it cannot be read.
    """
    halves, _ = read_example(settings, layout, split, domain, entry)
    if len(halves) < 2 or halves[0].shape[:2] != halves[1].shape[:2]:
        return None
    gaps = [missing for half in halves if (missing := missing_in(half)) is not None]
    source, target = plain(settings, sides(settings, layout, domain, halves), halves)
    return shift_between(source, target, np.logical_or.reduce(gaps) if gaps else None)


def plain(settings: DataSettings, names: tuple[str, ...], halves: list[Stored]) -> list[Stored]:
    """The pictures in their depths, with the middle of the range where there is no data."""
    return [without_gaps(half, getattr(settings, name)) for name, half in zip(names, halves, strict=True)]


def without_data(path: File, names: tuple[str, ...], halves: list[Stored]) -> Iterator[Finding]:
    """Pictures in which no pixel has data."""
    for name, half in zip(names, halves, strict=True):
        if (missing := missing_in(half)) is not None and missing.all():
            what = name if len(halves) == 2 else "picture"
            yield Finding("without data", f"{path}: its {what} has no pixel with data; remove it.", file=str(path))


def other_direction(settings: DataSettings, layout: Layout, split: str, domain: str, entry: Entry) -> str:
    """What to say of an example whose target is the class map, in numbers; empty where that is not so."""
    if settings.task != "labelled":
        return ""
    direction: Literal["a-to-b", "b-to-a"] = "a-to-b" if settings.direction == "b-to-a" else "b-to-a"
    turned = replace(settings, direction=direction, source=replace(settings.source, palette=()))
    try:
        read_example(turned, layout, split, domain, entry)
    except (DiptychError, OSError):
        return ""
    return f"is no class map, and its partner is one; set data.direction={direction}."


def sides(settings: DataSettings, layout: Layout, domain: str, halves: list[Stored]) -> tuple[str, ...]:
    """Which side of the recipe each of the pictures of an example belongs to."""
    if len(halves) == 2:
        return ("source", "target")
    swap = (domain == "b") != (settings.direction == "b-to-a")
    return ("target",) if settings.task not in OF_TWO or swap else ("source",)


def read_example(
    settings: DataSettings, layout: Layout, split: str, domain: str, entry: Entry
) -> tuple[list[Stored], npt.NDArray[np.int64] | None]:
    """The picture, or source and target, and of class maps how many pixels each class has; maps come in their colours."""
    if settings.task == "shrunk":  # as training takes it, which tells whether the sizes belong together
        Shrunk(settings, [entry], train=split == "train").sample(0, np.random.default_rng(0))
        return [read(entry.b or entry.a[0], settings.target)], None
    if settings.task not in OF_TWO or layout.kind in ("single", "unpaired"):
        kind: Kind = getattr(settings, sides(settings, layout, domain, [])[0])
        return [read(entry.a[0], kind)], None
    source, target = Pairs(settings, [entry], train=False).pair(0)
    if settings.task != "labelled":
        return [source, target], None
    classes = np.bincount(source[..., 0].ravel(), minlength=settings.source.classes + 1)
    return [settings.source.colours()[source[..., 0]], target], classes


# What is measured


def levels(picture: Stored) -> npt.NDArray[np.float32]:
    """Values as 8-bit levels, in float, of every second row and column."""
    values: npt.NDArray[np.float32] = shown(picture[::2, ::2]) * np.float32(255)
    return values


def eight_bit(picture: Stored) -> npt.NDArray[np.uint8]:
    values: npt.NDArray[np.uint8] = np.rint(np.clip(shown(picture), 0, 1) * 255).astype(np.uint8)
    return values


def thumbnail(halves: list[Stored]) -> npt.NDArray[np.float32]:
    """(THUMBNAIL * THUMBNAIL * channels,) of the target, or of the source where the target is nearly flat, as class maps are."""
    small = [resize(eight_bit(half), THUMBNAIL, THUMBNAIL, "area").astype(np.float32) for half in reversed(halves)]
    return next((one for one in small if one.std() >= FLAT_THUMBNAIL), small[0]).ravel()


def num_colours(picture: Stored) -> int:
    """How many colours of 4 bits a channel a small nearest-neighbour copy has."""
    small = resize(eight_bit(picture), 64, 64, "nearest") >> 4
    return len(np.unique(small.reshape(-1, small.shape[2]), axis=0))


# What is odd


def picture_warnings(settings: DataSettings, path: File, pictures: Mapping[str, Stored]) -> Iterator[Finding]:
    """What is odd about an example that can be read, of which there are a "source", a "target" or both."""
    if settings.task == "labelled" and path.suffix.lower() in (".jpg", ".jpeg"):
        yield Finding(
            "class map as JPEG",
            f"{path} is a JPEG, whose compression changes class numbers at every edge; save class maps as PNG from where "
            f"they were made.",
        )
    for side, picture in pictures.items():
        yield from outside_range(getattr(settings, side), path, picture)
        if levels(picture).std(axis=(0, 1)).max() < CONSTANT:
            what = side if len(pictures) == 2 else "picture"
            yield Finding("constant", f"{path}: its {what} is one colour only; remove it, unless that is meant.")
    if len(pictures) < 2:
        return
    source, target = pictures["source"], pictures["target"]
    if source.shape == target.shape and np.abs(levels(source) - levels(target)).mean() < SAME:
        yield Finding("halves identical", f"{path}: source and target are the same picture; replace one.")
    yield from off_palette(settings, path, source)


def outside_range(kind: Kind, path: File, picture: Stored) -> Iterator[Finding]:
    """Values that a stated range would clip, such as those that stand for "no data"."""
    if picture.dtype != kind.depth or kind.colour in ("labels", "holed"):
        return
    low, high = kind.range
    if outside := float(np.mean((picture < low) | (picture > high))):
        yield Finding(
            "outside the range",
            f"{path}: {100 * outside:.2g} % of its values lie outside the stated range of {low:g} to {high:g} (they reach "
            f"from {picture.min():g} to {picture.max():g}) and would be clipped; state another low and high, or with "
            f"nodata the value that stands for no data.",
        )


def off_palette(settings: DataSettings, path: File, source: Stored) -> Iterator[Finding]:
    """Label colours that the palette of the recipe does not hold."""
    if not settings.palette or source.shape[2] != 3:
        return
    pixels = eight_bit(source)[::2, ::2].reshape(-1, 3).astype(np.int16)
    near = np.zeros(len(pixels), dtype=bool)
    for colour in np.array(settings.palette, dtype=np.int16):
        near |= (np.abs(pixels - colour) <= PALETTE_REACH).all(axis=1)
    missed = 1 - near.mean()
    if missed > PALETTE_MISSED:
        odd = Counter(map(tuple, (pixels[~near] // 16 * 16 + 8).tolist())).most_common(1)[0][0]
        yield Finding(
            "colours of no class",
            f"{path}: {100 * missed:.0f} % of its label pixels are far from every colour of data.palette (mostly near {odd}); "
            f"add the colour, correct the picture or data.direction, or leave palettes out with data.palette=[].",
        )
