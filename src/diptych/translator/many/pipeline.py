"""Reading, translating and writing at the same time, each a bounded number of pictures ahead of the next.

Decoders, networks and encoders release Python's lock, so threads suffice. What waits between them is bounded in number and in
bytes, so memory does not grow with the folder.
"""

import os
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from diptych.errors import DiptychError, NoSpaceError, out_of_memory, too_small
from diptych.pictures import formats
from diptych.pictures.decoded import Header
from diptych.pictures.kinds import Stored
from diptych.translator.many.jobs import Job, Read
from diptych.translator.many.plan import Task

MAX_HELD = 128 * 2**20
"""Bytes of decoded pictures that may wait for translation, and as many of results for writing. One always may."""
THREADS = max(2, min(8, (os.cpu_count() or 1) // 2))
"""Of readers, and as many of writers. One core decodes faster than another translates, but both wait for disks."""


class Outcome(NamedTuple):
    """The end of a picture: done, or a problem."""

    task: Task
    problem: str = ""
    """One sentence; empty when it was done."""
    note: str = ""
    size_note: str = ""
    """``Job.size_note`` of it, which is printed once for all pictures."""


class Loaded(NamedTuple):
    """A picture that was read, and a remark on its file."""

    task: Task
    read: Read
    note: str


@dataclass
class StageSeconds:
    """How the translating thread spent its time."""

    reading: float = 0.0
    """Waiting for a picture to be read."""
    translating: float = 0.0
    writing: float = 0.0
    """Waiting for results to be written."""

    @contextmanager
    def spent(self, stage: str) -> Iterator[None]:
        """What happens within counts to the ``stage``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(**{stage: time.perf_counter() - started})

    def add(self, **seconds: float) -> None:
        for stage, more in seconds.items():
            setattr(self, stage, getattr(self, stage) + more)


class Readers:
    """Reads pictures ahead, in their order; headers first, whose sizes say how many may be held."""

    def __init__(self, job: Job, tasks: Sequence[Task]) -> None:
        self.job, self.tasks = job, iter(tasks)
        self.pool = ThreadPoolExecutor(THREADS, "reader")
        self.ahead = max(2 * job.batch, 2 * THREADS)
        self.probed: deque[tuple[Task, Future[Header]]] = deque()
        self.reading: deque[tuple[Task, int, Future[Loaded]]] = deque()
        self.held = 0

    def walk(self, seconds: StageSeconds) -> Iterator[Loaded | Outcome]:
        while self.submit(seconds):
            task, size, future = self.reading.popleft()
            found: Loaded | Outcome
            try:
                with seconds.spent("reading"):
                    found = future.result()
            except DiptychError as problem:
                found = Outcome(task, str(problem))
            self.held -= size
            yield found

    def submit(self, seconds: StageSeconds) -> bool:
        """Begin to read as many as may be held, but one at least; False when there are no more."""
        for task in islice(self.tasks, self.ahead - len(self.probed) - len(self.reading)):
            self.probed.append((task, self.pool.submit(formats.probe, task.source)))
        while self.probed and (not self.reading or self.probed[0][1].done()):
            task, header = self.probed[0]
            with seconds.spent("reading"):
                size = 0 if header.exception() else byte_count(header.result())
            if self.reading and self.held + size > MAX_HELD:
                break
            self.probed.popleft()
            self.held += size
            self.reading.append((task, size, self.pool.submit(self.read, task, header)))
        return bool(self.reading)

    def read(self, task: Task, header: Future[Header]) -> Loaded:
        frames = header.result().frames
        note = f"{task.source} has {frames} frames; the first was translated." if frames > 1 else ""
        return Loaded(task, self.job.read(task.source), note)


def byte_count(header: Header) -> int:
    return header.height * header.width * header.channels * np.dtype(header.depth).itemsize


class Writers:
    """Writes results behind the translation."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.pool = ThreadPoolExecutor(THREADS, "writer")
        self.waiting: deque[tuple[Future[Outcome], int]] = deque()
        self.held = 0

    def submit(self, loaded: Loaded, result: Stored, seconds: StageSeconds) -> Iterator[Outcome]:
        """Hand over a result; yields the outcomes that have come meanwhile."""
        while self.waiting and (
            self.waiting[0][0].done() or len(self.waiting) >= 2 * THREADS or self.held + result.nbytes > MAX_HELD
        ):
            yield self.next_outcome(seconds)
        self.held += result.nbytes
        self.waiting.append((self.pool.submit(self.write, loaded, result), result.nbytes))

    def next_outcome(self, seconds: StageSeconds) -> Outcome:
        future, size = self.waiting.popleft()
        with seconds.spent("writing"):
            outcome = future.result()
        self.held -= size
        return outcome

    def write(self, loaded: Loaded, result: Stored) -> Outcome:
        task, (picture, tags), _ = loaded
        note = " ".join(filter(None, [loaded.note, *metadata_notes(self.job, loaded)]))
        try:
            self.job.write_new(task.place, result, self.job.tags_of(tags, result), task.replace, task.claimed)
        except NoSpaceError:
            raise
        except DiptychError as problem:
            return Outcome(task, str(problem))
        return Outcome(task, note=note, size_note=self.job.size_note(picture))


def metadata_notes(job: Job, loaded: Loaded) -> Iterator[str]:
    """Sentences on metadata that the result cannot keep."""
    task, (_, tags), _ = loaded
    if tags.place and task.place.suffix.lower() not in (".tif", ".tiff"):
        yield f"{task.place} cannot say where on earth it lies; give --format tif to keep that."
    if tags.see_through and job.translator.card.same_picture:
        yield f"{task.source} is partly transparent; it was laid on its background, and {task.place} has no opacity."


def run_pipeline(job: Job, tasks: Sequence[Task], seconds: StageSeconds) -> Generator[Outcome]:
    """Do all tasks; yields an outcome for each as it is known.

    When the caller stops early, results that are translated are still written; only their outcomes are lost.
    """
    readers, writers = Readers(job, tasks), Writers(job)
    try:
        for group in batches(job, readers.walk(seconds)):
            for one in (group,) if isinstance(group, Outcome) else translated(job, group, seconds):
                if isinstance(one, Outcome):
                    yield one
                else:
                    yield from writers.submit(*one, seconds)
        while writers.waiting:
            yield writers.next_outcome(seconds)
    finally:
        readers.pool.shutdown(cancel_futures=True)
        writers.pool.shutdown()


def batches(job: Job, pictures: Iterator[Loaded | Outcome]) -> Iterator[list[Loaded] | Outcome]:
    """Neighbours of one network size, at most ``job.batch`` together; a picture that could not be read comes alone."""
    held: list[Loaded] = []
    for found in pictures:
        if isinstance(found, Outcome):
            yield found
            continue
        if held and (len(held) == job.batch or shape_of(job, held[0]) != shape_of(job, found)):
            yield held
            held = []
        held.append(found)
    if held:
        yield held


def shape_of(job: Job, loaded: Loaded) -> tuple[int, ...]:
    """Pictures of one such shape may share a batch: height and width for the network, and channels."""
    shape = loaded.read.picture.shape
    return *job.translator.network_size(shape, job.size), shape[2]


def translated(job: Job, group: list[Loaded], seconds: StageSeconds) -> Iterator[tuple[Loaded, Stored] | Outcome]:
    """The pictures with their results, or failures. When a batch fails, each of its pictures is tried alone."""
    try:
        with seconds.spent("translating"):
            results = job.translate([one.read.picture for one in group])
    except (DiptychError, MemoryError, RuntimeError) as problem:
        message = error_message(problem)
    else:
        yield from zip(group, results, strict=True)
        return
    if len(group) > 1:
        for one in group:
            yield from translated(job, [one], seconds)
    else:
        task = group[0].task
        yield Outcome(task, f"{task.source}: {message}")


def error_message(problem: Exception) -> str:
    """The message of a failure that a picture can cause; any other is raised again."""
    if isinstance(problem, DiptychError):
        return str(problem)
    if too_small(problem):
        return "too small for this network; give another --size."
    if out_of_memory(problem):
        return "out of memory; give a smaller --size, --batch or --tile."
    raise problem
