"""What shows only when examples are compared: halves that changed places, and pictures in two splits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from diptych.data.picture_file import File

ALIKE = 2.0  # root mean square difference of thumbnails, in 8-bit levels, under which two pictures are the same
SWAPPED = 1.5  # how many times more colours one half must have than the other for the halves to be told apart


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; with ``fatal`` training would end on it."""

    sort: str
    words: str
    fatal: bool = False
    file: str = ""
    """With which the words begin, where they are of one file or example."""


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
    peaks: Mapping[str, float] = field(default_factory=dict)  # the highest value, by "source" and "target"


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
        Problem(
            "halves swapped",
            f"{fact.path}: source and target seem to have changed places; exchange them.",
            file=str(fact.path),
        )
        for fact in odd
    ]


def near_partners(first: Sequence[str], second: Sequence[str]) -> str:
    """A sentence where two piles would be pairs but for capitals, or for a word that one pile's names have more ("1_mask")."""
    if set(first) & set(second):
        return ""
    ones, others = bare(first), bare(second)
    common = [key for key in ones.keys() & others.keys() if contained(ones[key].casefold(), others[key].casefold())]
    if 2 * len(common) <= min(len(first), len(second)):
        return ""
    example = min(common)
    return (
        f"{len(common)} names of one pile nearly match the other's, such as {ones[example]} and {others[example]}; if these "
        f"are partners, give both the same name, and train on pairs."
    )


def contained(one: str, other: str) -> bool:
    return one in other or other in one


def bare(names: Iterable[str]) -> dict[str, str]:
    """The names by what tells them apart within their pile, in small letters."""
    names = list(names)
    head = common_beginning(names)
    tail = common_beginning([name[len(head) :][::-1] for name in names])
    return {name[len(head) : len(name) - len(tail)].casefold(): name for name in names} if len(names) > 1 else {}


def common_beginning(names: list[str]) -> str:
    """Without digits at its end, which count."""
    first, last = min(names), max(names)
    length = next(
        (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first)
    )
    return first[:length].rstrip("0123456789")


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
