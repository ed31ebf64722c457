"""What shows only when examples are compared: halves that changed places, and pictures in two splits."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diptych.data.members import File

ALIKE = 2.0  # root mean square difference of thumbnails, in 8-bit levels, under which two pictures are the same
SWAPPED = 1.5  # how many times more colours one half must have than the other for the halves to be told apart


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; with ``fatal`` training would end on it."""

    sort: str
    words: str
    fatal: bool = False


@dataclass(frozen=True)
class Facts:
    """What was measured on one example."""

    split: str
    name: str
    path: File
    digest: str
    thumb: npt.NDArray[np.float32]
    richness: float = 0.0  # logarithm of how many times more colours a has than b
    classes: npt.NDArray[np.int64] | None = None  # pixels of each class, of a class map; the last is what is unknown


def swapped(facts: list[Facts]) -> list[Problem]:
    """Pairs in which the half with more colours is on the other side than in nearly all others."""
    measured = [fact for fact in facts if fact.richness]
    if len(measured) < 8:
        return []
    middle = float(np.median([fact.richness for fact in measured]))
    agreeing = np.mean([fact.richness * middle > 0 for fact in measured])
    if abs(middle) < np.log(SWAPPED) or agreeing < 0.9:
        return []
    odd = [fact for fact in measured if fact.richness * middle < 0 and abs(fact.richness) > abs(middle) / 2]
    return [
        Problem("halves swapped", f"{fact.path}: source and target seem to have changed places; exchange them.")
        for fact in odd
    ]


def across_splits(facts: list[Facts]) -> list[Problem]:
    """The same picture in train and in val or test: by its bytes, and by its thumbnail."""
    problems = []
    for pile in ("a", "b"):
        train = [fact for fact in facts if fact.split == f"train{pile}"]
        held_out = [fact for fact in facts if fact.split in (f"val{pile}", f"test{pile}")]
        if train and held_out:
            problems += twins(train, held_out)
    return problems


def twins(train: list[Facts], held_out: list[Facts]) -> list[Problem]:
    """Held-out pictures that are in train."""
    by_bytes = {fact.digest: fact for fact in train}
    problems = []
    thumbs = (
        np.stack([fact.thumb for fact in train]) if len({len(fact.thumb) for fact in train + held_out}) == 1 else None
    )
    squares = None if thumbs is None else np.square(thumbs).sum(axis=1)
    for fact in held_out:
        twin, how = by_bytes.get(fact.digest), "is byte for byte"
        if twin is None and thumbs is not None and squares is not None:
            apart = np.maximum(squares - 2 * (thumbs @ fact.thumb) + np.square(fact.thumb).sum(), 0)
            nearest = int(apart.argmin())
            if np.sqrt(apart[nearest] / len(fact.thumb)) < ALIKE:
                twin, how = train[nearest], "looks like"
        if twin is not None:
            words = f"{fact.path} {how} {twin.path}, which is in train; remove one, or scores will flatter."
            problems.append(Problem("in two splits", words))
    return problems
