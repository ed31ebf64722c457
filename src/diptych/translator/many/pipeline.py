"""Reading, translating and writing at the same time, each a bounded way ahead of the next.

Decoders, networks and encoders all let go of Python's lock, so threads suffice. What waits between them is bounded in number
and in bytes, so memory does not grow with the folder.
"""

import os
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Condition
from typing import NamedTuple

from diptych.errors import DiptychError, NoSpaceError, out_of_memory, too_small
from diptych.pictures import formats
from diptych.pictures.decoded import Header
from diptych.pictures.kinds import Stored
from diptych.pictures.metadata import Metadata
from diptych.translator.many.jobs import Job, Read, georeference_lost
from diptych.translator.many.plan import Task

HELD = 128 * 2**20
"""Bytes of decoded pictures that may wait to be translated, and as many of results to be written; one may always."""
THREADS = max(2, min(8, (os.cpu_count() or 1) // 2))
"""Readers, and as many writers: a core decodes faster than the other computes, but both wait for disks."""
BYTES = {"uint8": 1, "uint16": 2, "float32": 4}


class Outcome(NamedTuple):
    """What became of a picture."""

    task: Task
    problem: str = ""
    """One sentence; empty when it was done."""
    note: str = ""
    about: str = ""
    """``Job.about`` it, which is said once of all pictures."""


@dataclass
class Seconds:
    """Where the time of the translating thread went."""

    reading: float = 0.0
    """Waiting for a picture to be read."""
    translating: float = 0.0
    writing: float = 0.0
    """Waiting for results to be written."""

    def add(self, other: "Seconds") -> None:
        self.reading += other.reading
        self.translating += other.translating
        self.writing += other.writing


class Room:
    """Bytes that may wait, given in the order of turns, so that the picture that is needed first never waits for later ones."""

    def __init__(self, limit: int) -> None:
        self.limit, self.held, self.turn, self.closed = limit, 0, 0, False
        self.changed = Condition()

    def take(self, turn: int, size: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.closed or (turn == self.turn and self.fits(size)))
            self.turn, self.held = self.turn + 1, self.held + size
            self.changed.notify_all()

    def fits(self, size: int) -> bool:
        return self.held == 0 or self.held + size <= self.limit

    def give(self, size: int) -> None:
        with self.changed:
            self.held -= size
            self.changed.notify_all()

    def close(self) -> None:
        """Nobody will give any more; let everybody through."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class Reading(NamedTuple):
    """A picture that was read, or why it was not."""

    read: Read | None
    size: int
    problem: str = ""
    note: str = ""


class Readers:
    """Pictures in their order, read ahead."""

    def __init__(self, job: Job, tasks: Sequence[Task]) -> None:
        self.job, self.tasks = job, tasks
        self.room = Room(HELD)
        self.pool = ThreadPoolExecutor(THREADS, "reader")
        self.ahead = max(2 * job.batch, 2 * THREADS)

    def walk(self, seconds: Seconds) -> Iterator[tuple[Task, Reading]]:
        coming: deque[Future[Reading]] = deque()
        submitted = 0
        for task in self.tasks:
            while submitted < len(self.tasks) and len(coming) < self.ahead:
                coming.append(self.pool.submit(self.read, submitted))
                submitted += 1
            began = time.perf_counter()
            found = coming.popleft().result()
            seconds.reading += time.perf_counter() - began
            self.room.give(found.size)
            yield task, found

    def read(self, number: int) -> Reading:
        source = self.tasks[number].source
        size, header, problem = 0, None, ""
        try:
            header = formats.probe(source)
            size = header.height * header.width * header.channels * BYTES[header.depth]
        except DiptychError as failure:
            problem = str(failure)
        finally:
            self.room.take(number, size)
        if header is None or self.room.closed:
            return Reading(None, size, problem)
        try:
            return Reading(self.job.read(source), size, note=frames_note(source, header))
        except DiptychError as failure:
            return Reading(None, size, str(failure))

    def close(self) -> None:
        self.room.close()
        self.pool.shutdown(cancel_futures=True)


def frames_note(source: os.PathLike[str], header: Header) -> str:
    return f"{source} has {header.frames} frames; the first was translated." if header.frames > 1 else ""


class Writers:
    """Results on their way to the disk."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.pool = ThreadPoolExecutor(THREADS, "writer")
        self.waiting: deque[tuple[Future[Outcome], int]] = deque()
        self.held = 0

    def put(self, task: Task, read: Read, result: Stored, note: str, seconds: Seconds) -> Iterator[Outcome]:
        """Hand a result over; gives what has been written meanwhile."""
        began = time.perf_counter()
        while self.waiting and (
            self.waiting[0][0].done() or len(self.waiting) >= 2 * THREADS or self.held + result.nbytes > HELD
        ):
            yield self.settled()
        seconds.writing += time.perf_counter() - began
        self.held += result.nbytes
        self.waiting.append((self.pool.submit(self.write, task, read, result, note), result.nbytes))

    def settled(self) -> Outcome:
        future, size = self.waiting.popleft()
        outcome = future.result()
        self.held -= size
        return outcome

    def rest(self, seconds: Seconds) -> Iterator[Outcome]:
        began = time.perf_counter()
        while self.waiting:
            yield self.settled()
        seconds.writing += time.perf_counter() - began

    def write(self, task: Task, read: Read, result: Stored, note: str) -> Outcome:
        note = " ".join(filter(None, [note, *lost(self.job, read.tags, task)]))
        try:
            self.job.write_new(task.place, result, self.job.tags_of(read.tags, result), task.replace, task.claimed)
        except NoSpaceError:
            raise
        except DiptychError as problem:
            return Outcome(task, str(problem))
        return Outcome(task, note=note, about=self.job.about(read.picture))


def lost(job: Job, tags: Metadata, task: Task) -> Iterator[str]:
    """What the result no longer says, in sentences."""
    if georeference_lost(tags, task.place.suffix.lower()):
        yield f"{task.place} cannot say where on earth it lies; give --format tif to keep that."
    if tags.see_through and job.translator.card.same_picture:
        yield f"{task.source} is partly transparent; it was laid on its background, and {task.place} has no opacity."


def work(job: Job, tasks: Sequence[Task], seconds: Seconds) -> Generator[Outcome]:
    """Do all tasks; an outcome for each as it is known.

    When the caller stops early, what has been translated is still written, and its outcomes are lost to the caller alone.
    """
    readers, writers = Readers(job, tasks), Writers(job)
    try:
        for group in groups(job, readers, seconds):
            failed, results = translated(job, group, seconds)
            yield from failed
            for (task, found), result in results:
                assert found.read is not None
                yield from writers.put(task, found.read, result, found.note, seconds)
        yield from writers.rest(seconds)
    finally:
        readers.close()
        writers.pool.shutdown()


def groups(job: Job, readers: Readers, seconds: Seconds) -> Iterator[list[tuple[Task, Reading]]]:
    """Neighbours that the network sees at one size together, at most ``job.batch`` of them; what could not be read comes alone."""
    held: list[tuple[Task, Reading]] = []
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


def shape_of(job: Job, found: Reading) -> tuple[int, ...]:
    assert found.read is not None
    return *job.seen(found.read.picture), found.read.picture.shape[2]


Done = list[tuple[tuple[Task, Reading], Stored]]


def translated(job: Job, group: list[tuple[Task, Reading]], seconds: Seconds) -> tuple[list[Outcome], Done]:
    """(What could not be done, the results of the others). When a batch fails, each of its pictures is tried alone."""
    pictures = [found.read.picture for _, found in group if found.read is not None]
    if len(pictures) < len(group):
        return [Outcome(task, found.problem) for task, found in group], []
    began = time.perf_counter()
    try:
        return [], list(zip(group, job.translate(pictures), strict=True))
    except (DiptychError, MemoryError, RuntimeError) as problem:
        why = told(problem)
    finally:
        seconds.translating += time.perf_counter() - began
    if len(group) == 1:
        task = group[0][0]
        return [Outcome(task, f"{task.source}: {why}")], []
    failed: list[Outcome] = []
    done: Done = []
    for one in group:
        more_failed, more_done = translated(job, [one], seconds)
        failed, done = failed + more_failed, done + more_done
    return failed, done


def told(problem: Exception) -> str:
    """A failure that a picture can be blamed for, as words; any other goes on."""
    if isinstance(problem, DiptychError):
        return str(problem)
    if too_small(problem):
        return "too small for this network; give another --size."
    if out_of_memory(problem):
        return "out of memory; give a smaller --size, --batch or --tile."
    raise problem
