"""What a set as a whole gives reason to doubt: swapped halves, pictures in two splits, a layout that may be another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from diptych.data.entries import File, Layout
from diptych.data.settings import DataSettings
from diptych.pictures.decoded import Header
from diptych.pictures.kinds import Kind

ALIKE = 2.0  # root mean square difference of thumbnails, in 8-bit levels, under which two pictures are the same
SWAPPED = 1.5  # how many times more colours one half must have than the other for the halves to be told apart


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; training would end on a ``fatal`` one, and teach another thing than meant after a ``warning``."""

    category: str
    message: str
    fatal: bool = False
    file: str = ""
    """With which the message begins, where it is about one file or example."""
    warning: bool = False


@dataclass(frozen=True)
class Measurements:
    """What was measured on one example."""

    split: str
    path: File
    digest: str
    thumbnail: npt.NDArray[np.float32]
    richness: float = 0.0  # logarithm of how many times more colours a has than b
    classes: npt.NDArray[np.int64] | None = None  # pixels of each class, of a class map; the last is what is unknown
    peaks: Mapping[str, float] = field(default_factory=dict)  # the highest value, by "source" and "target"


def swapped(examples: Sequence[Measurements]) -> Iterator[Finding]:
    """Pairs in which the half with more colours is on the other side than in nearly all others."""
    measured = [example for example in examples if example.richness]
    if len(measured) < 8:
        return
    middle = float(np.median([example.richness for example in measured]))
    agreeing = np.mean([example.richness * middle > 0 for example in measured])
    if abs(middle) < np.log(SWAPPED) or agreeing < 0.9:
        return
    for example in measured:
        if example.richness * middle < 0 and abs(example.richness) > abs(middle) / 2:
            words = f"{example.path}: source and target seem to have changed places; exchange them."
            yield Finding("halves swapped", words, file=str(example.path))


def across_splits(examples: Sequence[Measurements]) -> Iterator[Finding]:
    """The same picture in train and in val or test: by its bytes, and by its thumbnail."""
    for domain in ("a", "b"):
        train = [example for example in examples if example.split == f"train{domain}"]
        held_out = [example for example in examples if example.split in (f"val{domain}", f"test{domain}")]
        if train and held_out:
            yield from twins(train, held_out)


def twins(train: Sequence[Measurements], held_out: Sequence[Measurements]) -> Iterator[Finding]:
    """Held-out pictures that are in train."""
    by_bytes = {example.digest: example for example in train}
    comparable = len({len(example.thumbnail) for example in (*train, *held_out)}) == 1
    thumbnails = np.stack([example.thumbnail for example in train]) if comparable else np.empty((0, 0), np.float32)
    squares = np.square(thumbnails).sum(axis=1)
    for example in held_out:
        twin, how = by_bytes.get(example.digest), "is byte for byte"
        if twin is None and comparable:
            cross = thumbnails @ example.thumbnail
            distances = np.maximum(squares - 2 * cross + np.square(example.thumbnail).sum(), 0)
            nearest = int(distances.argmin())
            if np.sqrt(distances[nearest] / len(example.thumbnail)) < ALIKE:
                twin, how = train[nearest], "looks like"
        if twin is not None:
            words = f"{example.path} {how} {twin.path}, which is in train; remove one, or scores will flatter."
            yield Finding("in two splits", words)


def one_class(counts: Sequence[npt.NDArray[np.int64]], kind: Kind) -> Iterator[Finding]:
    """Class maps from which nothing can be learned, as when the foreground was taken for unknown."""
    present = [number for number in range(kind.classes) if sum(int(one[number]) for one in counts)]
    if len(present) == 1:
        unknown = f", and all else ({kind.unknown}) for no class" if kind.unknown >= 0 else ""
        words = f"the class maps hold class {kind.class_name(present[0])} alone{unknown}; correct them, or data.source."
        yield Finding("one class only", words)


def layout_warnings(settings: DataSettings, layout: Layout, headers: Sequence[Header]) -> Iterator[Finding]:
    """That the layout which was recognised is more probably another."""
    if layout.kind == "unpaired":
        first, second = ([entry.name for entry in domain["train"]] for domain in (layout.splits, layout.others))
        if words := near_partners(first, second):
            yield Finding("names nearly match", words, warning=True)
    if layout.kind != "side-by-side" or settings.layout == "side-by-side":
        return
    high = [header for header in headers if header.width <= header.height]
    sizes = {(header.width, header.height) for header in headers}
    cameras = any((height, width) in sizes for width, height in sizes if width != height)  # which are turned for some
    if cameras or 2 * len(high) > len(headers):
        yield Finding(
            "single pictures?",
            f"{len(high)} of {len(headers)} pictures are square or upright, and would be cut into a left and a right half of "
            f"{high[0].width // 2}x{high[0].height}. If they are single pictures, say how to derive their source (data.task=edges, "
            f"greyscale, colorization, holed or shrunk) or train without pairs; if they are pairs, set data.layout=side-by-side.",
            warning=True,
        )


def near_partners(first: Sequence[str], second: Sequence[str]) -> str:
    """A sentence where two domains would be pairs but for capitals, or for a word that one domain's names have more ("1_mask")."""
    if set(first) & set(second):
        return ""
    ones, others = distinguishing_parts(first), distinguishing_parts(second)
    folded = {key: (ones[key].casefold(), others[key].casefold()) for key in ones.keys() & others.keys()}
    common = [key for key, (one, other) in folded.items() if one in other or other in one]
    if 2 * len(common) <= min(len(first), len(second)):
        return ""
    example = min(common)
    return (
        f"{len(common)} names of one pile nearly match the other's, such as {ones[example]} and {others[example]}; if these "
        f"are partners, give both the same name, and train on pairs."
    )


def distinguishing_parts(names: Sequence[str]) -> dict[str, str]:
    """The names by what tells them apart within their domain, in small letters."""
    if len(names) < 2:
        return {}
    head = shared_beginning(names)
    tail = shared_beginning([name[head:][::-1] for name in names])
    return {name[head : len(name) - tail].casefold(): name for name in names}


def shared_beginning(names: Sequence[str]) -> int:
    """How many letters all begin with; not digits at its end, which count."""
    pairs = takewhile(lambda letters: letters[0] == letters[1], zip(min(names), max(names), strict=False))
    return len("".join(one for one, _ in pairs).rstrip("0123456789"))


def range_used(settings: DataSettings, examples: Sequence[Measurements]) -> list[str]:
    """16-bit files whose values use little of the range, as those of a camera with twelve bits."""
    lines = []
    for side, kind in (("source", settings.source), ("target", settings.target)):
        peaks = [example.peaks[side] for example in examples if side in example.peaks]
        if kind.depth != "uint16" or kind.colour == "labels" or not peaks or max(peaks) >= kind.range[1] / 2:
            continue
        bits = max(int(max(peaks)).bit_length(), 1)
        lines.append(
            f"The {side} pictures reach {max(peaks):.0f} of {kind.range[1]:.0f}, {100 * max(peaks) / kind.range[1]:.1f} % of the "
            f"range, so networks would see them dark; for values of {bits} bits set data.{side}.high={2**bits - 1}."
        )
    return lines
