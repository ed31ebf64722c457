"""What `diptych data check` says of volumes: their grids, values and slices, and what is doubtful in a header."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from diptych.data.checks.set_warnings import Finding
from diptych.data.entries import Layout, files_of
from diptych.data.settings import DataSettings
from diptych.data.volumes.layout import SliceEntry
from diptych.data.volumes.sets import size_of
from diptych.data.volumes.slice import Slice
from diptych.pictures.depths import SIGNED, is_float
from diptych.pictures.kinds import Kind
from diptych.volumes.opening import open_volume

SPACING = 0.05  # share by which spacings of a set may differ before they count as mixed
LEFT_OUT = 0.5  # share of a volume's slices without anything from which that is said of the volume


def volume_findings(settings: DataSettings, layout: Layout) -> tuple[list[str], list[Finding]]:
    """(lines that describe the volumes, findings)."""
    sides = volumes_of(settings, layout)
    masks = first_slices(one.mask for _, _, pile in layout.domains() for one in pile if isinstance(one, SliceEntry))
    every = [one for slices in sides.values() for one in slices]
    findings = [finding for one in every + masks for finding in of_one(one)]
    lines = [line for name, slices in sides.items() for line in described(name, slices, getattr(settings, name))]
    return lines, findings + list(mixed(every))


def first_slices(files: Iterable[object]) -> list[Slice]:
    """One slice for each volume, in order."""
    found: dict[Path, Slice] = {}
    for one in files:
        if isinstance(one, Slice):
            found.setdefault(one.path, one)
    return list(found.values())


def volumes_of(settings: DataSettings, layout: Layout) -> dict[str, list[Slice]]:
    """A slice of each volume, by "source" and "target"."""
    swapped = settings.direction == "b-to-a"
    first, second = ("target", "source") if swapped else ("source", "target")
    entries = [one for pile in layout.splits.values() for one in pile]
    others = [one for pile in layout.others.values() for one in pile]
    return {
        first: first_slices(file for one in entries for file in one.a),
        second: first_slices(files_of(others) if others else (one.b for one in entries)),
    }


def of_one(one: Slice) -> Iterator[Finding]:
    volume, facts = open_volume(one.path), one.slices.facts
    for remark in volume.remarks:
        yield Finding("doubtful place", remark, file=str(one.path), warning=True)
    if not volume.geometry.known:
        words = f"{one.path} has no place in space; its slices are taken as they lie, the first axis as axial."
        yield Finding("no orientation", words, file=str(one.path))
    if facts.broken:
        places = ", ".join(map(str, facts.broken[:5]))
        words = f"{one.path} holds values that are not finite (NaN or infinity) in {one.plane} slices {places}; replace them."
        yield Finding("not finite", words, fatal=True, file=str(one.path))
    empty = len(facts.lowest) - len(facts.occupied) - len(facts.broken)
    if empty > LEFT_OUT * len(facts.lowest):
        words = f"{one.path} has {empty} of {len(facts.lowest)} {one.plane} slices without anything; crop it, or choose another data.axis."
        yield Finding("mostly empty", words, file=str(one.path))


def mixed(volumes: Sequence[Slice]) -> Iterator[Finding]:
    """That volumes of one set show things in different sizes."""
    spacings = {one.path: standing_spacing(one.path) for one in volumes}
    if not spacings:
        return
    usual = Counter(spacings.values()).most_common(1)[0][0]
    for path, found in spacings.items():
        if any(abs(side / wanted - 1) > SPACING for side, wanted in zip(found, usual, strict=True)):
            words = (
                f"{path} has voxels of {size_of(found)} mm, and most have {size_of(usual)}; resample it, or networks see one thing in "
                f"two sizes."
            )
            yield Finding("mixed spacing", words, file=str(path), warning=True)


def standing_spacing(path: Path) -> tuple[float, ...]:
    """Millimetres to the left, to the back and towards the head, to a thousandth."""
    geometry = open_volume(path).geometry
    return tuple(round(geometry.spacing[2 - axis], 3) for axis in geometry.orientation.axes[::-1])


def described(side: str, volumes: Sequence[Slice], kind: Kind) -> Iterator[str]:
    """Shapes, spacing, orientation and values of one side, and the Kind that would hold the values."""
    if not volumes:
        return
    opened = [open_volume(one.path) for one in volumes]
    shapes = Counter(size_of(volume.shape[::-1]) for volume in opened)
    spacings = Counter(size_of(standing_spacing(one.path)) for one in volumes)
    letters = Counter(volume.geometry.letters for volume in opened)
    depths = Counter(volume.depth for volume in opened)
    facts = [one.slices.facts for one in volumes]
    low = min(value for fact in facts for value in fact.lowest if value == value)
    high = max(value for fact in facts for value in fact.highest if value == value)
    empty = sum(len(fact.lowest) - len(fact.occupied) - len(fact.broken) for fact in facts)
    yield (
        f"The {side} volumes: {commonest(shapes)} voxels of {commonest(spacings)} mm, stored as {commonest(letters)}, "
        f"{commonest(depths)} from {low:g} to {high:g}{f' {kind.unit}' if kind.unit else ''}; {empty} slices without anything are "
        f"left out."
    )
    depth = depths.most_common(1)[0][0]
    outside = low < kind.range[0] or high > kind.range[1]
    if depth != kind.depth and (kind.depth == "uint8" or is_float(depth) or depth in SIGNED):
        yield f"Their values fit data.{side}.depth={depth} data.{side}.low={low:g} data.{side}.high={high:g}."
    elif outside and kind.beyond == "clip":
        yield f"Values of the {side} beyond {kind.range[0]:g} to {kind.range[1]:g} are clipped."


def commonest(counts: Counter[str]) -> str:
    most, _ = counts.most_common(1)[0]
    return most + (f" (and {len(counts) - 1} others)" if len(counts) > 1 else "")
