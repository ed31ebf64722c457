"""Reading, translating and writing at the same time, each a bounded number of pictures ahead of the next.

Decoders, networks and encoders release Python's lock, so threads suffice. What waits between them is bounded in number and in
bytes, so memory does not grow with the folder.
"""

import os
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from diptych.errors import DiptychError, NoSpaceError, out_of_memory, too_small
from diptych.pictures import formats
from diptych.pictures.decoded import Header
from diptych.pictures.kinds import Stored
from diptych.pictures.metadata import Metadata
from diptych.translator.many.jobs import Job, Read, georeference_lost
from diptych.translator.many.plan import Task

MAX_HELD = 128 * 2**20
"""Bytes of decoded pictures that may wait for translation, and as many of results for writing. One always may."""
THREADS = max(2, min(8, (os.cpu_count() or 1) // 2))
"""Of readers, and as many of writers. One core decodes faster than another translates, but both wait for disks."""
Result = TypeVar("Result")


class Outcome(NamedTuple):
    """The end of a picture: done, or a problem."""

    task: Task
    problem: str = ""
    """One sentence; empty when it was done."""
    note: str = ""
    size_note: str = ""
    """``Job.size_note`` of it, which is printed once for all pictures."""


@dataclass
class StageSeconds:
    """How the translating thread spent its time."""

    reading: float = 0.0
    """Waiting for a picture to be read."""
    translating: float = 0.0
    writing: float = 0.0
    """Waiting for results to be written."""

    def add(self, other: "StageSeconds") -> None:
        self.reading += other.reading
        self.translating += other.translating
        self.writing += other.writing


class ReadResult(NamedTuple):
    """A picture that was read, or the problem."""

    read: Read | None
    problem: str = ""
    note: str = ""


class Readers:
    """Reads pictures ahead, in their order; headers first, whose sizes say how many may be held."""

    def __init__(self, job: Job, tasks: Sequence[Task]) -> None:
        self.job, self.tasks = job, iter(tasks)
        self.pool = ThreadPoolExecutor(THREADS, "reader")
        self.ahead = max(2 * job.batch, 2 * THREADS)
        self.probed: deque[tuple[Task, Future[Header | str]]] = deque()
        self.reading: deque[tuple[Task, int, Future[ReadResult]]] = deque()
        self.held = 0

    def walk(self, seconds: StageSeconds) -> Iterator[tuple[Task, ReadResult]]:
        while self.submit(seconds):
            task, size, future = self.reading.popleft()
            found = waited_for(future, seconds)
            self.held -= size
            yield task, found

    def submit(self, seconds: StageSeconds) -> bool:
        """Begin to read as many as may be held, but one at least; False when there are no more."""
        for task in islice(self.tasks, self.ahead - len(self.probed) - len(self.reading)):
            self.probed.append((task, self.pool.submit(probe, task.source)))
        while self.probed and (not self.reading or self.probed[0][1].done()):
            task, future = self.probed[0]
            header = waited_for(future, seconds)
            size = 0 if isinstance(header, str) else byte_count(header)
            if self.reading and self.held + size > MAX_HELD:
                break
            self.probed.popleft()
            self.held += size
            self.reading.append((task, size, self.pool.submit(self.read, task.source, header)))
        return bool(self.reading)

    def read(self, source: Path, header: Header | str) -> ReadResult:
        if isinstance(header, str):
            return ReadResult(None, header)
        note = f"{source} has {header.frames} frames; the first was translated." if header.frames > 1 else ""
        try:
            return ReadResult(self.job.read(source), note=note)
        except DiptychError as failure:
            return ReadResult(None, str(failure))


def probe(source: Path) -> Header | str:
    """The file's header, or the problem."""
    try:
        return formats.probe(source)
    except DiptychError as failure:
        return str(failure)


def byte_count(header: Header) -> int:
    return header.height * header.width * header.channels * np.dtype(header.depth).itemsize


def waited_for(future: Future[Result], seconds: StageSeconds) -> Result:
    started = time.perf_counter()
    result = future.result()
    seconds.reading += time.perf_counter() - started
    return result


class Writers:
    """Writes results behind the translation."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.pool = ThreadPoolExecutor(THREADS, "writer")
        self.waiting: deque[tuple[Future[Outcome], int]] = deque()
        self.held = 0

    def submit_result(
        self, task: Task, read: Read, result: Stored, note: str, seconds: StageSeconds
    ) -> Iterator[Outcome]:
        """Hand over a result; yields the outcomes that have come meanwhile."""
        started = time.perf_counter()
        while self.waiting and (
            self.waiting[0][0].done() or len(self.waiting) >= 2 * THREADS or self.held + result.nbytes > MAX_HELD
        ):
            yield self.next_outcome()
        seconds.writing += time.perf_counter() - started
        self.held += result.nbytes
        self.waiting.append((self.pool.submit(self.write, task, read, result, note), result.nbytes))

    def next_outcome(self) -> Outcome:
        future, size = self.waiting.popleft()
        outcome = future.result()
        self.held -= size
        return outcome

    def flush(self, seconds: StageSeconds) -> Iterator[Outcome]:
        started = time.perf_counter()
        while self.waiting:
            yield self.next_outcome()
        seconds.writing += time.perf_counter() - started

    def write(self, task: Task, read: Read, result: Stored, note: str) -> Outcome:
        note = " ".join(filter(None, [note, *metadata_notes(self.job, read.tags, task)]))
        try:
            self.job.write_new(task.place, result, self.job.tags_of(read.tags, result), task.replace, task.claimed)
        except NoSpaceError:
            raise
        except DiptychError as problem:
            return Outcome(task, str(problem))
        return Outcome(task, note=note, size_note=self.job.size_note(read.picture))


def metadata_notes(job: Job, tags: Metadata, task: Task) -> Iterator[str]:
    """Sentences on metadata that the result cannot keep."""
    if georeference_lost(tags, task.place.suffix.lower()):
        yield f"{task.place} cannot say where on earth it lies; give --format tif to keep that."
    if tags.see_through and job.translator.card.same_picture:
        yield f"{task.source} is partly transparent; it was laid on its background, and {task.place} has no opacity."


def run_pipeline(job: Job, tasks: Sequence[Task], seconds: StageSeconds) -> Generator[Outcome]:
    """Do all tasks; yields an outcome for each as it is known.

    When the caller stops early, results that are translated are still written; only their outcomes are lost.
    """
    readers, writers = Readers(job, tasks), Writers(job)
    try:
        for group in batches(job, readers, seconds):
            failed, results = translate_group(job, group, seconds)
            yield from failed
            for (task, found), result in results:
                assert found.read is not None
                yield from writers.submit_result(task, found.read, result, found.note, seconds)
        yield from writers.flush(seconds)
    finally:
        readers.pool.shutdown(cancel_futures=True)
        writers.pool.shutdown()


def batches(job: Job, readers: Readers, seconds: StageSeconds) -> Iterator[list[tuple[Task, ReadResult]]]:
    """Neighbours of one network size, at most ``job.batch`` together; a picture that could not be read comes alone."""
    held: list[tuple[Task, ReadResult]] = []
    for task, found in readers.walk(seconds):
        if found.read is None:
            yield [(task, found)]
            continue
        if held and (len(held) == job.batch or shape_of(job, held[0][1]) != shape_of(job, found)):
            yield held
            held = []
        held.append((task, found))
    if held:
        yield held


def shape_of(job: Job, found: ReadResult) -> tuple[int, ...]:
    assert found.read is not None
    return *job.network_size(found.read.picture), found.read.picture.shape[2]


Done = list[tuple[tuple[Task, ReadResult], Stored]]


def translate_group(
    job: Job, group: list[tuple[Task, ReadResult]], seconds: StageSeconds
) -> tuple[list[Outcome], Done]:
    """(failures, results of the others). When a batch fails, each of its pictures is tried alone."""
    pictures = [found.read.picture for _, found in group if found.read is not None]
    if len(pictures) < len(group):
        return [Outcome(task, found.problem) for task, found in group], []
    started = time.perf_counter()
    try:
        return [], list(zip(group, job.translate(pictures), strict=True))
    except (DiptychError, MemoryError, RuntimeError) as problem:
        message = error_message(problem)
    finally:
        seconds.translating += time.perf_counter() - started
    if len(group) == 1:
        task = group[0][0]
        return [Outcome(task, f"{task.source}: {message}")], []
    parts = [translate_group(job, [one], seconds) for one in group]
    return [one for failed, _ in parts for one in failed], [one for _, done in parts for one in done]


def error_message(problem: Exception) -> str:
    """The message of a failure that a picture can cause; any other is raised again."""
    if isinstance(problem, DiptychError):
        return str(problem)
    if too_small(problem):
        return "too small for this network; give another --size."
    if out_of_memory(problem):
        return "out of memory; give a smaller --size, --batch or --tile."
    raise problem
