"""What is to be done: every picture's place, and which results are there already."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from diptych.errors import UsageError
from diptych.files import remove_partial_files
from diptych.pictures import formats
from diptych.translator.many.jobs import Job, exists_message
from diptych.translator.many.record import Claim, Record, file_stamp


class Task(NamedTuple):
    """A picture and the place of its result, which the record may have claimed; what stands there goes with ``replace``."""

    source: Path
    place: Path
    replace: bool = False
    claimed: bool = False


@dataclass
class Plan:
    """A folder's work."""

    tasks: list[Task] = field(default_factory=list)
    already_done: int = 0
    """Results of this very job that an earlier command wrote."""
    failures: list[str] = field(default_factory=list)
    record: Record | None = None
    """None for one result that is a file of its own."""


def make_plan(job: Job, pictures: list[tuple[Path, Path]], out: Path) -> Plan:
    """Look at all places, and claim those that will be written before the first is.

    Raises:
        UsageError: when two results would share a place, or one would replace its input.
        DiptychError: when the record in ``out`` cannot be read or written.
    """
    if is_single_file(pictures, out):
        check_output_paths([(pictures[0][0], out)])
        return Plan([Task(pictures[0][0], out)])
    places = [(source, (out / inside).with_suffix(job.ending(source))) for source, inside in pictures]
    check_output_paths(places)
    record = Record(out)
    plan = Plan(record=record)
    with record.locked():
        goes_on = job.fingerprint in record.unfinished
        if goes_on:
            remove_partial_files(out)
        for source, place in places:
            plan_picture(job, source, place, plan, record, goes_on)
        if plan.tasks:
            record.unfinished.add(job.fingerprint)
            record.write()
    return plan


def plan_picture(job: Job, source: Path, place: Path, plan: Plan, record: Record, goes_on: bool) -> None:
    """Done, to be done, or refused."""
    stands, state = file_stamp(place), file_stamp(source)
    claim = record.claims.get(record.name(place))
    same = claim is not None and claim.job == job.fingerprint and claim.file in ("", source.name)
    ours = claim if same else None
    fresh = ours is not None and stands not in (None, ours.before)  # what this job wrote, of whatever source
    own = fresh or (ours is not None and ours.own)
    done = ours is not None and fresh and ours.source == state
    if done and (goes_on or not job.overwrite):
        plan.already_done += 1
    elif stands is None or own or job.overwrite:
        record.claims[record.name(place)] = Claim(
            job.fingerprint, state, stands, own and stands is not None, source.name
        )
        plan.tasks.append(Task(source, place, replace=stands is not None, claimed=True))
    else:
        plan.failures.append(exists_message(place))


def finish_plan(job: Job, plan: Plan) -> None:
    """The job has come to its end: the next one like it may replace what this one wrote."""
    if plan.record is None:
        return
    with plan.record.locked():
        if job.fingerprint in plan.record.unfinished:
            plan.record.unfinished.discard(job.fingerprint)
            plan.record.write()


def is_single_file(pictures: list[tuple[Path, Path]], out: Path) -> bool:
    """Whether ``out`` names the one result itself."""
    return len(pictures) == 1 and out.suffix.lower() in formats.ENDINGS and not out.is_dir()


def check_output_paths(places: Iterable[tuple[Path, Path]]) -> None:
    taken: dict[Path, Path] = {}
    for source, place in places:
        if place in taken:
            raise UsageError(
                f"{taken[place]} and {source} would both become {place}; translate them into folders of their own."
            )
        if place.resolve() == source.resolve():
            raise UsageError(f"{source} would be replaced by its own result; give another --out.")
        taken[place] = source
