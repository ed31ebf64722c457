"""What a folder of pictures holds, as far as a training can be chosen by it.

Names are counted, and a sample that is spread evenly over the training pictures is opened: the headers of ``HEADERS``, the pixels of
``OPENED``, and of class maps, whose highest number counts, ``MAPS``. The same folder always gives the same survey.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, cast

from diptych.data.checks.content import MOSTLY, OPENED, class_numbers, plainer_side, seam, thin
from diptych.data.checks.folder_names import named_source, with_own_folders
from diptych.data.checks.set_warnings import layout_warnings, near_partners
from diptych.data.datasets import colour_channels
from diptych.data.entries import Entry, File, Layout, files_of, probe, read
from diptych.data.layouts import discover
from diptych.data.settings import DataSettings, root_of
from diptych.data.shards.reading import are_at, index_at
from diptych.errors import DiptychError
from diptych.pictures.decoded import Header
from diptych.pictures.depths import FLOATS, LIMITS, SIGNED, Depth
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.passed_over import ignored_files

HEADERS, MAPS = 200, 2000
FEWEST_SEAMS = 2  # or that of the only picture to train on
Holds = Literal["halves", "pairs", "unpaired", "singles"]


@dataclass(frozen=True)
class Side:
    """What the pictures of a, or of b, are."""

    kind: Kind
    see_through: bool = False  # some have opacity
    numbers: tuple[int, ...] = ()  # the numbers in class maps, rising; empty for pictures
    reaches: tuple[float, float] = (0.0, 0.0)  # the lowest and highest value of float pictures


@dataclass(frozen=True)
class Survey:
    """What was found; sizes are (height, width) of one picture, of side-by-side ones of a half."""

    holds: Holds
    why: str  # how that is known, in a few words
    layout: Layout
    settings: DataSettings  # the stated ones, with the task that was found
    headers: tuple[Header, ...]
    a: Side
    b: Side
    plainer: Literal["", "a", "b"] = ""  # the side that is clearly plainer, as class maps and drawings are
    plainness: str = ""  # in what
    unopened: int = 0  # examples of the sample that cannot be read

    @property
    def train(self) -> int:
        """Training examples; of unpaired sets, those of the larger one."""
        return max(len(splits.get("train", ())) for splits in (self.layout.splits, self.layout.others))

    @property
    def sizes(self) -> list[tuple[int, int]]:
        halves = self.layout.kind == "side-by-side"
        return [(header.height, header.width // (1 + halves)) for header in self.headers]


def survey(settings: DataSettings, task_stated: bool = False) -> Survey:
    """Look the folder over.

    Args:
        settings: with the folder, and what is known of it already.
        task_stated: the task is known, and not to be found.

    Raises:
        DiptychError: when the folder holds nothing to train on, or can be understood in two ways.
    """
    if are_at(settings.folder):
        return looked_over(settings, task_stated)
    named = with_own_folders(settings, task_stated)
    found = looked_over(named, task_stated)
    (first, second) = (*named.source_folders[:1], named.target_folder) if named != settings else ("", "")
    drawn = found.plainer == "b" or bool(found.b.numbers) > bool(found.a.numbers)
    if first and drawn and not named_source(first, second):
        return looked_over(replace(named, source_folders=(second,), target_folder=first), task_stated)
    return found


def looked_over(settings: DataSettings, task_stated: bool) -> Survey:
    """As ``survey``, with the folders that the settings name."""
    settings = settings if task_stated else guess(settings)
    layout = discover(settings)
    firsts = spread(layout.splits["train"], HEADERS)
    seconds = spread(layout.others["train"], HEADERS) if layout.kind == "unpaired" else []
    headers: dict[str, Header] = {}
    for file in files_of([*firsts, *seconds]):
        with suppress(DiptychError):  # what is wrong with those is the check's to say
            headers[str(file)] = probe(file)
    if not headers:
        probe(firsts[0].a[0])  # which says what is wrong
    if layout.kind == "unpaired":
        files = [entry.a[0] for entry in firsts], [entry.a[0] for entry in seconds]
        names = ([entry.name for entry in pile["train"]] for pile in (layout.splits, layout.others))
        if not task_stated and (words := near_partners(*names)):
            raise DiptychError(f"{settings.folder}: {words} If they are no partners, add data.task=unpaired.")
    else:
        files = [entry.a[0] for entry in firsts], [entry.b or entry.a[0] for entry in firsts]
    a, b = (side_of(pile, headers) for pile in files)
    found = Survey("pairs", layout.description, layout, settings, tuple(headers.values()), a, b)
    closed = {entry.name for entry in firsts if any(str(file) not in headers for file in files_of([entry]))}
    beyond = sum(any(str(file) not in headers for file in files_of([entry])) for entry in seconds)
    found = replace(found, unopened=len(closed) + beyond)
    if layout.kind == "unpaired" or settings.task == "unpaired":
        return replace(found, holds="unpaired")
    opened = list(pictures(layout, a.kind, b.kind))
    closed |= {entry.name for entry in spread(layout.splits["train"], OPENED)} - {name for name, _, _ in opened}
    side, words = plainer_side(list(halves_of(opened)))
    found = replace(found, plainer=side, plainness=words, unopened=len(closed))
    if layout.kind == "folders":
        maps = spread(layout.splits["train"], MAPS)
        first = class_numbers([entry.a[0] for entry in maps])
        second = class_numbers([entry.b for entry in maps if entry.b is not None])
        return replace(found, a=replace(a, numbers=first), b=replace(b, numbers=second))
    if settings.layout == "side-by-side" or task_stated:
        return replace(found, holds="halves", why="side-by-side pictures, as stated")
    holds, why = halves_or_singles(found, opened)
    return replace(found, holds=holds, why=why)


def guess(data: DataSettings) -> DataSettings:
    """Settings without a stated task: pairs where there are any, also in two folders of any names, else two unpaired folders.

    Raises:
        DiptychError: where the folder holds neither.
    """
    if are_at(data.folder):
        return replace(data, task="unpaired") if index_at(data.folder).kind == "unpaired" else data
    data = with_own_folders(data, task_stated=False)
    unpaired = replace(data, task="unpaired")
    try:
        layout = discover(data)
    except DiptychError as problem:
        try:
            discover(unpaired)
        except DiptychError:
            if "no picture" in str(problem) and (words := ignored_files(root_of(data))):
                raise DiptychError(f"{problem} {words}") from None
            raise problem from None
        return unpaired
    matched = sum(map(len, layout.splits.values()))
    return unpaired if layout.kind == "folders" and len(layout.problems) > matched else data


def spread(entries: Sequence[Entry], count: int) -> list[Entry]:
    """At most ``count``, evenly spaced."""
    count = min(count, len(entries))
    return [entries[place * len(entries) // count] for place in range(count)]


def side_of(files: Sequence[File], headers: dict[str, Header]) -> Side:
    """Channels and depth of a side: colour where any has colour, a depth where all have it."""
    known = [(file, headers[str(file)]) for file in files if str(file) in headers]
    channels = {colour_channels(file) for file, _ in known}
    depths = {header.depth for _, header in known}
    depth = cast("Depth", depths.pop() if len(depths) == 1 else "uint8")
    least, most = LIMITS[depth] if depth in SIGNED else (0.0, 0.0)
    kind = Kind(depth=depth, low=least, high=most).with_channels(max(channels, default=3))
    lowest = highest = 0.0
    if depth in FLOATS or depth in SIGNED:
        for file, _ in known[:OPENED]:
            with suppress(DiptychError):
                values = read(file, kind)
                lowest, highest = min(lowest, float(values.min())), max(highest, float(values.max()))
    see_through = any(header.channels == 1 + colour_channels(file) for file, header in known)
    return Side(kind, see_through, reaches=(lowest, highest))


def pictures(layout: Layout, first: Kind, second: Kind) -> Iterator[tuple[str, Stored, Stored | None]]:
    """The opened sample: a name, and the side-by-side picture or both partners."""
    for entry in spread(layout.splits["train"], OPENED):
        with suppress(DiptychError):
            yield entry.name, thin(read(entry.a[0], first)), None if entry.b is None else thin(read(entry.b, second))


def halves_of(opened: Sequence[tuple[str, Stored, Stored | None]]) -> Iterator[tuple[Stored, Stored]]:
    for _, picture, partner in opened:
        middle = picture.shape[1] // 2
        if partner is not None:
            yield picture, partner
        elif middle:
            yield picture[:, :middle], picture[:, middle:]


# Side by side, or single pictures


def halves_or_singles(found: Survey, opened: Sequence[tuple[str, Stored, Stored | None]]) -> tuple[Holds, str]:
    """Whether pictures are pairs side by side: their middle is a seam, or one half has clearly fewer colours.

    Raises:
        DiptychError: when some are and others are not.
    """
    odd = sum(header.width % 2 for header in found.headers)
    if odd > (1 - MOSTLY) * len(found.headers):
        return "singles", f"{odd} of {len(found.headers)} pictures have an odd width, so they are no two halves"
    seams = {name: seam(picture) for name, picture, _ in opened}
    told = [name for name, clear in seams.items() if clear is not None]
    share = sum(bool(seams[name]) for name in told) / max(len(told), 1)
    enough = seams and 2 * len(told) >= len(seams) and len(told) >= min(FEWEST_SEAMS, len(found.headers))
    if enough and share >= MOSTLY:
        clear = sum(map(bool, seams.values()))
        return "halves", f"side-by-side pictures: the middle of {clear} of {len(seams)} opened is a seam"
    warnings = layout_warnings(found.settings, found.layout, found.headers)
    if any(finding.category == "single pictures?" for finding in warnings):
        return "singles", "many pictures are square or upright, so they are no two halves"
    if found.plainer:
        which = "left" if found.plainer == "a" else "right"
        return "halves", f"side-by-side pictures: the {which} half has {found.plainness}"
    if share > 1 - MOSTLY and len(told) > 1:
        ones, others = (next(name for name in told if seams[name] is clear) for clear in (True, False))
        raise DiptychError(
            f"{found.settings.folder} seems to mix pairs side by side (such as {ones}) with single pictures (such as {others}); "
            f"keep one sort, or add data.layout=side-by-side if all are pairs."
        )
    return "singles", "their middle is no seam between two halves, and neither half is plainer"
