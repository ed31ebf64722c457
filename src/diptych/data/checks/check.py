"""Check a folder before training: its layout, what is wrong in which file, and the remedy."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from diptych.data.checks.alignment import measurable, told
from diptych.data.checks.examine import examine, shift_of
from diptych.data.checks.set_warnings import (
    Finding,
    Measurements,
    across_splits,
    layout_warnings,
    one_class,
    range_used,
    swapped,
)
from diptych.data.checks.volumes import volume_findings
from diptych.data.entries import Entry, Layout, files_of, probe
from diptych.data.layouts import discover
from diptych.data.settings import DataSettings, as_size, root_of
from diptych.data.shards.reading import damaged
from diptych.data.shards.windows import shard_of
from diptych.errors import DiptychError
from diptych.pictures.decoded import Header
from diptych.pictures.formats import natural
from diptych.pictures.kinds import Kind
from diptych.pictures.passed_over import ignored_files
from diptych.pictures.sizes import resized_size, size_text

SHOWN = 20  # problems shown of each sort
MOST_HEADERS = 1000  # examples whose headers are counted
TOGETHER = 16  # examples between two looks at the clock
ALIGNED = 96  # pairs whose shift is measured; before training a quarter of them
MUCH_LARGER = 2.0  # times the scale of training, in both directions, from which the report says so
BRIEF = 0.05  # share of the time after which a check that cannot finish stops


Named = tuple[str, str, Entry]
"""(split, domain, entry)."""


@dataclass
class Report:
    """The result of a check: lines that describe the set, and findings."""

    lines: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    looked_at: int = 0
    examples: int = 0

    @property
    def fatal(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.fatal]

    @property
    def doubtful(self) -> bool:
        """Whether the layout that was recognised is probably another."""
        return any(finding.warning for finding in self.findings)

    def messages(self, most: int = SHOWN) -> Iterator[str]:
        """The report as lines: what is there, then the findings, the worst first, at most ``most`` of a category.

        What is the same for many files is one line.
        """
        yield from self.lines
        alike: dict[tuple[str, str], list[Finding]] = {}
        for finding in sorted(self.findings, key=lambda one: (not one.fatal, not one.warning, one.category)):
            alike.setdefault((finding.category, finding.message.removeprefix(finding.file)), []).append(finding)
        counts: Counter[str] = Counter()
        for (category, _), same in alike.items():
            first, *others = sorted(same, key=lambda finding: natural(finding.file))
            counts[category] += 1
            if counts[category] <= most:
                label = "PROBLEM" if first.fatal else "WARNING" if first.warning else "notice"
                yield f"{label} ({category}): {first.message}{the_same_of(others)}"
        for category, count in counts.items():
            if count > most:
                yield f"... and {count - most} more of: {category}"


def the_same_of(others: list[Finding], most: int = 8) -> str:
    if not others:
        return ""
    names = [finding.file.rpartition("/")[2] for finding in others]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f" The same of {len(names)} other{'s' if others[1:] else ''}: {', '.join(names[:most])}{more}."


def before_training(settings: DataSettings, say: Callable[[str], None], seconds: float = 20.0) -> None:
    """The check that ``diptych train`` runs first, within a time limit.

    Raises:
        DiptychError: when something is found on which training would end.
    """
    report = look_over(settings, seconds)
    for line in report.messages(most=3):
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
    report.findings += [
        Finding("no partner", words, file=words.partition(" has no partner")[0]) for words in layout.problems
    ]
    began = time.perf_counter()
    examples = in_turn(layout)
    report.examples = len(examples)
    if layout.remote and seconds < float("inf"):  # the first shard to train on, the only one to be fetched
        first = min(shard_of(entry).name for split, domain, entry in examples if (split, domain) == ("train", "a"))
        examples = [example for example in examples if shard_of(example[2]).name == first]
    headers = describe(layout, examples, report, settings)
    if settings.slices and not layout.sharded:
        lines, findings = volume_findings(settings, layout)
        report.lines += lines
        report.findings += findings
    if layout.sharded and seconds == float("inf"):
        report.findings += [Finding("damaged shard", words, fatal=True) for words in damaged(settings)]
    measured = []
    for found, findings in examined(settings, layout, examples, seconds, began):
        measured += [found] if found is not None else []
        report.findings += findings
        report.looked_at += 1
        if progress is not None and (report.looked_at % TOGETHER == 0 or report.looked_at == len(examples)):
            progress(report.looked_at, len(examples))
    if report.looked_at < report.examples:
        report.lines.append(
            f"Looked closely at {report.looked_at} of {report.examples} examples; `diptych data check` takes all."
        )
    counts = [example.classes for example in measured if example.classes is not None]
    report.findings += [*swapped(measured), *across_splits(measured), *layout_warnings(settings, layout, headers)]
    report.findings += one_class(counts, settings.source)
    report.lines += class_shares(counts, settings.source) + range_used(settings, measured)
    lines, findings = alignment(settings, layout, examples[: report.looked_at], seconds)
    report.lines, report.findings = report.lines + lines, report.findings + findings
    if not report.findings:
        so_far = "" if report.looked_at == report.examples else " so far"
        report.lines.append(f"No problems found{so_far}.")
    report.lines += advice(settings, headers, len(layout.splits["train"]))
    report.lines += scale_advice(settings, headers, layout.kind == "side-by-side")
    return report


def examined(
    settings: DataSettings, layout: Layout, examples: list[Named], seconds: float, began: float
) -> Iterator[tuple[Measurements | None, list[Finding]]]:
    """What is found on one example after the other, until the time is over, or it shows early that it will not suffice."""
    opened = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(examples), TOGETHER):
            now = time.perf_counter()
            too_many = (now - opened) * len(examples) > seconds * start > 0
            if now - began > seconds or (now - began > BRIEF * seconds and too_many):
                return
            chosen = examples[start : start + TOGETHER]
            yield from pool.map(lambda item: examine(settings, layout, *item), chosen)


def alignment(
    settings: DataSettings, layout: Layout, examples: list[Named], seconds: float
) -> tuple[list[str], list[Finding]]:
    """What is told of the shift between partners, of a sample; nothing where there are none."""
    if settings.task not in ("pairs", "labelled") or layout.kind == "unpaired":
        return [], []
    whole = seconds == float("inf")
    if not measurable():
        return ["Whether partners fit was not measured: pip install 'diptych[align]'."] if whole else [], []
    shifts = []
    for split, domain, entry in examples[: ALIGNED if whole else ALIGNED // 4]:
        with suppress(DiptychError, OSError):  # named already
            shifts.append(shift_of(settings, layout, split, domain, entry))
    return told(shifts)


def class_shares(counts: list[npt.NDArray[np.int64]], kind: Kind) -> list[str]:
    """The share of pixels of each class, and classes that no map has."""
    if not counts:
        return []
    shares = np.sum(counts, axis=0) / np.sum(counts)
    listing = ", ".join(f"{kind.class_name(n)} {100 * shares[n]:.1f} %" for n in range(kind.classes) if shares[n])
    unknown = f", unknown {100 * shares[-1]:.1f} %" if shares[-1] else ""
    never = [kind.class_name(number) for number in range(kind.classes) if not shares[number]]
    lines = [f"Classes: {listing}{unknown}."]
    return lines + ([f"Classes that no map has: {', '.join(never)}."] if never else [])


def in_turn(layout: Layout) -> list[Named]:
    """Evenly over the splits; where shards have to be fetched, one after the other."""
    examples = [(split, domain, entry) for split, domain, entries in layout.domains() for entry in entries]
    if layout.remote:
        return sorted(examples, key=lambda example: shard_of(example[2]).name)
    return [examples[index] for index in np.random.default_rng(0).permutation(len(examples))]


def describe(layout: Layout, examples: list[Named], report: Report, settings: DataSettings) -> list[Header]:
    """Layout, counts, and from the headers sizes, channels and depths. Unreadable ones are left to ``examine``."""
    first, second = (
        ", ".join(f"{len(entries)} {split}" for split, domain, entries in layout.domains() if domain == which)
        for which in ("a", "b")
    )
    report.lines.append(
        f"{settings.folder}: {layout.description}: {first}" + (f"; second pile: {second}" if second else "") + "."
    )
    if not layout.sharded and not settings.slices and (words := ignored_files(root_of(settings))):
        report.lines.append(words)
    headers = []
    for file in files_of(entry for _, _, entry in examples[:MOST_HEADERS]):
        with suppress(DiptychError):
            headers.append(probe(file))
    sizes = Counter(f"{header.width}x{header.height}" for header in headers)
    kinds = Counter(f"{header.channels} channels of {header.depth}" for header in headers)
    report.lines.append(f"Sizes: {commonest(sizes)}. Files: {commonest(kinds)}.")
    return headers


def commonest(counts: Counter[str]) -> str:
    shown = ", ".join(f"{what} ({count})" for what, count in counts.most_common(4))
    return shown + (f" and {len(counts) - 4} others" if len(counts) > 4 else "")


def advice(settings: DataSettings, headers: list[Header], train: int) -> list[str]:
    """Settings that the files suggest."""
    lines = []
    depth = Counter(header.depth for header in headers).most_common(1)[0][0] if headers else "uint8"
    if depth != "uint8" and settings.source == settings.target == Kind():
        lines.append(
            f'Most files are {depth}: to keep that depth set data.source.depth="{depth}" data.target.depth="{depth}".'
        )
    if train < 100:
        lines.append(
            f"{train} training examples are few: expect memorised details; training.init_from another run helps."
        )
    return lines


def scale_advice(settings: DataSettings, headers: list[Header], side_by_side: bool) -> list[str]:
    """Advice where training makes pictures much smaller, which training on crops would not."""
    if settings.fit == "none" or settings.task == "shrunk" or not headers:
        return []
    sizes = Counter((header.height, header.width // (1 + side_by_side)) for header in headers)
    height, width = sizes.most_common(1)[0][0]
    load, crop = as_size(settings.load_size), as_size(settings.crop_size)
    tall, wide = resized_size(settings.fit, height, width, load, crop)
    if min(height / tall, width / wide) < MUCH_LARGER:
        return []
    which = "Pictures" if len(sizes) == 1 else "Most pictures"
    advised = (
        f"{which} are {height}x{width}, and training brings them to {tall}x{wide} and crops of {size_text(crop)}, the scale at "
        "which the network learns; data.fit=none trains on crops at full resolution."
    )
    return [advised]
