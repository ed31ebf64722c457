"""Look a folder over before training: what is there, what is wrong in which file, and what to do about it."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from diptych.data.checks.compare import Facts, Problem, across_splits, swapped
from diptych.data.checks.examine import examine
from diptych.data.checks.set_warnings import doubtful_layout, one_class, range_used
from diptych.data.entries import Entry, Layout, files_of
from diptych.data.layouts import discover
from diptych.data.picture_file import Member, probe
from diptych.data.settings import DataSettings, as_size, root_of
from diptych.data.shards.reading import damaged
from diptych.errors import DiptychError
from diptych.pictures.formats import Header, natural, passed_over
from diptych.pictures.kinds import Kind
from diptych.pictures.sizes import brought_to, named

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
        """The report as lines: what is there, then the problems, the fatal ones first, at most ``most`` of a sort.

        What is the same of many files is one line.
        """
        yield from self.lines
        alike: dict[tuple[str, str], list[Problem]] = {}
        for problem in sorted(self.problems, key=lambda problem: (not problem.fatal, problem.sort)):
            alike.setdefault((problem.sort, problem.words.removeprefix(problem.file)), []).append(problem)
        counts: Counter[str] = Counter()
        for (sort, _), same in alike.items():
            first, *others = sorted(same, key=lambda problem: natural(problem.file))
            counts[sort] += 1
            if counts[sort] <= most:
                yield f"{'PROBLEM' if first.fatal else 'notice'} ({sort}): {first.words}{the_same_of(others)}"
        for sort, count in counts.items():
            if count > most:
                yield f"... and {count - most} more of: {sort}"


def the_same_of(others: list[Problem], most: int = 8) -> str:
    if not others:
        return ""
    names = [problem.file.rpartition("/")[2] for problem in others]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f" The same of {len(names)} other{'s' if others[1:] else ''}: {', '.join(names[:most])}{more}."


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
    report.problems += [
        Problem("no partner", words, file=words.partition(" has no partner")[0]) for words in layout.problems
    ]
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
    if not layout.sharded and (words := passed_over(root_of(settings))):
        report.lines.append(words)
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
