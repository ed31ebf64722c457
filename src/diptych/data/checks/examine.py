"""One example looked at closely: whether training can read it, what is odd about it, and what is measured on it."""

import hashlib
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from diptych.data.checks.compare import Facts, Problem
from diptych.data.checks.picture_warnings import colours, eight_bit, remarks
from diptych.data.datasets import Pairs
from diptych.data.derived import Shrunk
from diptych.data.entries import Entry, Layout, files_of
from diptych.data.picture_file import content, probe, read
from diptych.data.settings import OF_TWO, DataSettings
from diptych.errors import DiptychError
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.resizing import resize

THUMB = 16  # side of the thumbnails by which pictures are compared
FLAT = 8.0  # standard deviation, in 8-bit levels, under which a thumbnail tells nothing apart


def examine(
    settings: DataSettings, layout: Layout, split: str, pile: str, entry: Entry
) -> tuple[Facts | None, list[Problem]]:
    """Read one example as training would, and measure it."""
    path = entry.a[0]
    try:
        halves, classes = read_example(settings, layout, split, pile, entry)
        digest = "".join(hashlib.blake2b(content(file), digest_size=16).hexdigest() for file in files_of([entry]))
    except (DiptychError, OSError) as problem:
        words = str(problem) if isinstance(problem, DiptychError) else f"{path} cannot be read: {problem.strerror}."
        if advice := other_way_round(settings, layout, split, pile, entry):
            words = f"{path} {advice}"
        begins = next((str(file) for file in files_of([entry]) if words.startswith(str(file))), "")
        return None, [Problem("cannot be used", words, fatal=True, file=begins)]
    problems = [
        Problem(
            "animated", f"{file} has {frames} frames; the first is taken, split it to use them all.", file=str(file)
        )
        for file in files_of([entry])
        if (frames := probe(file).frames) > 1
    ]
    named = dict(zip(sides(settings, layout, pile, halves), halves, strict=True))
    problems += [replace(remark, file=str(path)) for remark in remarks(settings, path, named)]
    richness = float(np.log(colours(halves[0]) / colours(halves[1]))) if len(halves) == 2 else 0.0
    peaks = {side: float(half.max()) for side, half in named.items()}
    return Facts(split + pile, entry.name, path, digest, thumbnail(halves), richness, classes, peaks), problems


def other_way_round(settings: DataSettings, layout: Layout, split: str, pile: str, entry: Entry) -> str:
    """What to say of an example whose target is the class map, in numbers; empty where that is not so."""
    if settings.task != "labelled":
        return ""
    direction: Literal["a-to-b", "b-to-a"] = "a-to-b" if settings.direction == "b-to-a" else "b-to-a"
    turned = replace(settings, direction=direction, source=replace(settings.source, palette=()))
    try:
        read_example(turned, layout, split, pile, entry)
    except (DiptychError, OSError):
        return ""
    return f"is no class map, and its partner is one; set data.direction={direction}."


def sides(settings: DataSettings, layout: Layout, pile: str, halves: list[Stored]) -> tuple[str, ...]:
    """Which side of the recipe each of the pictures of an example belongs to."""
    if len(halves) == 2:
        return ("source", "target")
    swap = (pile == "b") != (settings.direction == "b-to-a")
    return ("target",) if settings.task not in OF_TWO or swap else ("source",)


def thumbnail(halves: list[Stored]) -> npt.NDArray[np.float32]:
    """(THUMB * THUMB * channels,) of the target, or of the source where the target is nearly flat, as maps of class numbers are."""
    small = [resize(eight_bit(half), THUMB, THUMB, "area").astype(np.float32) for half in reversed(halves)]
    return next((one for one in small if one.std() >= FLAT), small[0]).ravel()


def read_example(
    settings: DataSettings, layout: Layout, split: str, pile: str, entry: Entry
) -> tuple[list[Stored], npt.NDArray[np.int64] | None]:
    """The picture, or source and target, and of class maps how many pixels each class has; maps come in their colours."""
    settings = replace(settings, cache_gib=0.0)
    if settings.task == "shrunk":  # as training takes it, which tells whether the sizes belong together
        Shrunk(settings, [entry], train=split == "train").sample(0, np.random.default_rng(0))
        return [read(entry.b or entry.a[0], settings.target)], None
    if settings.task not in OF_TWO or layout.kind in ("single", "unpaired"):
        kind: Kind = getattr(settings, sides(settings, layout, pile, [])[0])
        return [read(entry.a[0], kind)], None
    source, target = Pairs(settings, [entry], train=False).pair(0)
    if settings.task != "labelled":
        return [source, target], None
    classes = np.bincount(source[..., 0].ravel(), minlength=settings.source.classes + 1)
    return [settings.source.colours()[source[..., 0]], target], classes
