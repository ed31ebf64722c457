"""Look a folder over before training: what is there, what is wrong in which file, and what to do about it."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from diptych.data.checks.compare import Facts, Problem, across_splits, swapped
from diptych.data.checks.picture_warnings import colours, eight_bit, remarks
from diptych.data.checks.set_warnings import doubtful_layout, one_class, range_used
from diptych.data.datasets import Pairs
from diptych.data.derived import Shrunk
from diptych.data.entries import Entry, Layout, files_of
from diptych.data.layouts import discover
from diptych.data.picture_file import Member, content, probe, read
from diptych.data.settings import OF_TWO, DataSettings, as_size, root_of
from diptych.data.shards.reading import damaged
from diptych.errors import DiptychError
from diptych.pictures.formats import Header, others_in
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.resizing import resize
from diptych.pictures.sizes import brought_to, named

THUMB = 16  # side of the thumbnails by which pictures are compared
FLAT = 8.0  # standard deviation, in 8-bit levels, under which a thumbnail tells nothing apart
SHOWN = 20  # problems shown of each sort
MOST_HEADERS = 1000  # examples whose headers are counted
TOGETHER = 16  # examples between two looks at the clock
MUCH_LARGER = 2.0  # times the scale of training, in both directions, from which that is said
BRIEF = 0.05  # share of the time after which a set that cannot be looked over whole is left


@dataclass
class Report:
    """What was found."""

    lines: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    looked_at: int = 0
    examples: int = 0

    @property
    def fatal(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.fatal]

    def words(self, most: int = SHOWN) -> Iterator[str]:
        """The report as lines: what is there, then the problems, the fatal ones first, at most ``most`` of a sort."""
        yield from self.lines
        counts: Counter[str] = Counter()
        for problem in sorted(self.problems, key=lambda problem: (not problem.fatal, problem.sort)):
            counts[problem.sort] += 1
            if counts[problem.sort] <= most:
                yield f"{'PROBLEM' if problem.fatal else 'notice'} ({problem.sort}): {problem.words}"
        for sort, count in counts.items():
            if count > most:
                yield f"... and {count - most} more of: {sort}"


def before_training(settings: DataSettings, say: Callable[[str], None], seconds: float = 20.0) -> None:
    """The check that ``diptych train`` runs first, within a time limit.

    Raises:
        DiptychError: when something is found on which training would end.
    """
    report = look_over(settings, seconds)
    for line in report.words(most=3):
        say(line)
    if report.fatal:
        raise DiptychError(
            f"{len(report.fatal)} of {report.examples} examples cannot be trained on (above); mend or remove them, "
            f"or train without this check (--no-check)."
        )


def look_over(
    settings: DataSettings, seconds: float = float("inf"), progress: Callable[[int, int], None] | None = None
) -> Report:
    """Check every example, or as many as ``seconds`` allow, evenly over the splits.

    Raises:
        DiptychError: when the folder holds nothing that fits.
    """
    layout = discover(settings)
    report = Report()
    report.problems += [Problem("no partner", words) for words in layout.problems]
    began = time.perf_counter()
    all_of_them = in_turn(layout, list(named_entries(layout)))
    piles = nearest(layout, all_of_them) if seconds < float("inf") else all_of_them
    report.examples = len(all_of_them)
    headers = describe(layout, piles, report, settings)
    if layout.sharded and seconds == float("inf"):
        report.problems += [Problem("damaged shard", words, fatal=True) for words in damaged(settings)]
    facts: list[Facts] = []
    opened = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(piles), TOGETHER):
            now = time.perf_counter()
            too_many = (now - opened) * len(piles) > seconds * start > 0
            if now - began > seconds or (now - began > BRIEF * seconds and too_many):
                break
            chosen = piles[start : start + TOGETHER]
            for found, problems in pool.map(lambda item: examine(settings, layout, *item), chosen):
                facts += [found] if found is not None else []
                report.problems += problems
            report.looked_at += len(chosen)
            if progress is not None:
                progress(report.looked_at, len(piles))
    if report.looked_at < report.examples:
        report.lines.append(
            f"Looked closely at {report.looked_at} of {report.examples} examples; `diptych data check` takes all."
        )
    report.problems += swapped(facts) + across_splits(facts)
    report.problems += doubtful_layout(settings, layout, headers)
    counts = [fact.classes for fact in facts if fact.classes is not None]
    report.lines += class_shares(counts, settings.source)
    report.problems += one_class(counts, settings.source)
    report.lines += range_used(settings, facts)
    if not report.problems:
        report.lines.append(
            "No problems found." if report.looked_at == report.examples else "No problems found so far."
        )
    report.lines += advice(settings, headers, len(layout.splits["train"]))
    report.lines += scale_advice(settings, headers, layout.kind == "side-by-side")
    return report


def class_shares(counts: list[npt.NDArray[np.int64]], kind: Kind) -> list[str]:
    """How much of the class maps each class takes, and which classes none of them has."""
    if not counts:
        return []
    shares = np.sum(counts, axis=0) / np.sum(counts)
    listing = ", ".join(f"{kind.class_name(n)} {100 * shares[n]:.1f} %" for n in range(kind.classes) if shares[n])
    unknown = f", unknown {100 * shares[-1]:.1f} %" if shares[-1] else ""
    never = [kind.class_name(number) for number in range(kind.classes) if not shares[number]]
    lines = [f"Classes: {listing}{unknown}."]
    return lines + ([f"Classes that no map has: {', '.join(never)}."] if never else [])


def shard_of(entry: Entry) -> str:
    """The name of the shard, empty for files of a folder."""
    file = entry.a[0]
    return file.shard.name if isinstance(file, Member) else ""


def named_entries(layout: Layout) -> Iterator["Named"]:
    """(split, pile, entry); the second pile of unpaired folders is "b"."""
    for split, entries in layout.splits.items():
        yield from ((split, "a", entry) for entry in entries)
    if layout.kind == "unpaired":
        for split, entries in layout.others.items():
            yield from ((split, "b", entry) for entry in entries)


Named = tuple[str, str, Entry]
"""(split, pile, entry)."""


def in_turn(layout: Layout, piles: list[Named]) -> list[Named]:
    """Evenly over the splits; shards that have to be fetched one after the other."""
    if layout.remote:
        return sorted(piles, key=lambda item: shard_of(item[2]))
    return [piles[index] for index in np.random.default_rng(0).permutation(len(piles))]


def nearest(layout: Layout, piles: list[Named]) -> list[Named]:
    """What a short look takes: where shards have to be fetched, only the first of those to train on."""
    if not layout.remote:
        return piles
    first = min(shard_of(entry) for split, pile, entry in piles if (split, pile) == ("train", "a"))
    return [item for item in piles if shard_of(item[2]) == first]


def describe(layout: Layout, piles: list[Named], report: Report, settings: DataSettings) -> list[Header]:
    """Layout, counts, and from the headers sizes, channels and depths. Unreadable ones are left to ``examine``."""
    counts = ", ".join(f"{len(entries)} {split}" for split, entries in layout.splits.items())
    others = ", ".join(
        f"{len(entries)} {split}" for split, entries in layout.others.items() if layout.kind == "unpaired"
    )
    report.lines.append(
        f"{settings.folder}: {layout.words}: {counts}" + (f"; second pile: {others}" if others else "") + "."
    )
    if not layout.sharded and (others := others_in(root_of(settings))):
        report.lines.append(f"Passed over (no picture by the ending): {others}.")
    headers = []
    for file in files_of(entry for _, _, entry in piles[:MOST_HEADERS]):
        try:
            headers.append(probe(file))
        except DiptychError:
            continue
    sizes = Counter(f"{header.width}x{header.height}" for header in headers)
    kinds = Counter(f"{header.channels} channels of {header.depth}" for header in headers)
    report.lines.append(f"Sizes: {commonest(sizes)}. Files: {commonest(kinds)}.")
    return headers


def commonest(counts: Counter[str]) -> str:
    shown = ", ".join(f"{what} ({count})" for what, count in counts.most_common(4))
    return shown + (f" and {len(counts) - 4} others" if len(counts) > 4 else "")


def examine(
    settings: DataSettings, layout: Layout, split: str, pile: str, entry: Entry
) -> tuple[Facts | None, list[Problem]]:
    """Read one example as training would, and measure it."""
    path = entry.a[0]
    try:
        halves, classes = read_example(settings, layout, split, pile, entry)
        digest = "".join(hashlib.blake2b(content(file), digest_size=16).hexdigest() for file in files_of([entry]))
    except DiptychError as problem:
        return None, [Problem("cannot be used", str(problem), fatal=True)]
    except OSError as problem:
        return None, [Problem("cannot be used", f"{path} cannot be read: {problem.strerror}.", fatal=True)]
    problems = [
        Problem("animated", f"{file} has {frames} frames; the first is taken, split it to use them all.")
        for file in files_of([entry])
        if (frames := probe(file).frames) > 1
    ]
    named = dict(zip(sides(settings, layout, pile, halves), halves, strict=True))
    problems += remarks(settings, path, named)
    richness = float(np.log(colours(halves[0]) / colours(halves[1]))) if len(halves) == 2 else 0.0
    peaks = {side: float(half.max()) for side, half in named.items()}
    return Facts(split + pile, entry.name, path, digest, thumbnail(halves), richness, classes, peaks), problems


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


def advice(settings: DataSettings, headers: list[Header], train: int) -> list[str]:
    """What the files suggest that the settings do not say."""
    lines = []
    deep = Counter(header.depth for header in headers)
    if deep and deep.most_common(1)[0][0] != settings.source.depth and settings.source == settings.target == Kind():
        depth = deep.most_common(1)[0][0]
        lines.append(
            f'Most files are {depth}: to keep that depth set data.source.depth="{depth}" data.target.depth="{depth}".'
        )
    if train < 100:
        lines.append(
            f"{train} training examples are few: expect memorised details; training.init_from another run helps."
        )
    return lines


def scale_advice(settings: DataSettings, headers: list[Header], side_by_side: bool) -> list[str]:
    """That training makes pictures much smaller, which training on crops would not."""
    if settings.fit == "none" or settings.task == "shrunk" or not headers:
        return []
    sizes = Counter((header.height, header.width // (1 + side_by_side)) for header in headers)
    height, width = sizes.most_common(1)[0][0]
    load, crop = as_size(settings.load_size), as_size(settings.crop_size)
    tall, wide = brought_to(settings.fit, height, width, load, crop)
    if min(height / tall, width / wide) < MUCH_LARGER:
        return []
    which = "Pictures" if len(sizes) == 1 else "Most pictures"
    words = (
        f"{which} are {height}x{width}, and training brings them to {tall}x{wide} and crops of {named(crop)}, the scale at "
        "which the network learns; data.fit=none trains on crops at full resolution."
    )
    return [words]
