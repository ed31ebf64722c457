"""The plan of a job: every picture's output file, and which results exist already."""

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
    """A picture and its output file, which the record may have claimed; ``replace`` allows to replace a file there."""

    source: Path
    place: Path
    replace: bool = False
    claimed: bool = False


@dataclass
class Plan:
    """The work in an output folder."""

    tasks: list[Task] = field(default_factory=list)
    already_done: int = 0
    """Results of this job that an earlier command wrote."""
    failures: list[str] = field(default_factory=list)
    record: Record | None = None
    """None where ``--out`` names a single file."""


def make_plan(job: Job, pictures: list[tuple[Path, Path]], out: Path) -> Plan:
    """Look at all output files, and claim those that are to be written.

    Raises:
        UsageError: when two results would be the same file, or one would replace its input.
        DiptychError: when the record in ``out`` cannot be read or written.
    """
    if len(pictures) == 1 and out.suffix.lower() in formats.ENDINGS and not out.is_dir():  # the file of a single result
        check_output_paths([(pictures[0][0], out)])
        return Plan([Task(pictures[0][0], out)])
    places = [(source, (out / inside).with_suffix(job.ending(source))) for source, inside in pictures]
    check_output_paths(places)
    record = Record(out)
    plan = Plan(record=record)
    with record.locked():
        resumes = job.fingerprint in record.unfinished
        if resumes:
            remove_partial_files(out)
        for source, place in places:
            plan_picture(job, source, place, plan, record, resumes)
        if plan.tasks:
            record.unfinished.add(job.fingerprint)
            record.write()
    return plan


def plan_picture(job: Job, source: Path, place: Path, plan: Plan, record: Record, resumes: bool) -> None:
    """Count one picture as done, to be done, or refused."""
    existing, state = file_stamp(place), file_stamp(source)
    claim = record.claims.get(record.name(place))
    if claim is not None and (claim.job != job.fingerprint or claim.file not in ("", source.name)):
        claim = None
    written = claim is not None and existing not in (None, claim.before)  # by this job, of whatever state of the source
    own = written or (claim is not None and claim.own)
    if claim is not None and written and claim.source == state and (resumes or not job.overwrite):
        plan.already_done += 1
    elif existing is None or own or job.overwrite:
        own = own and existing is not None
        record.claims[record.name(place)] = Claim(job.fingerprint, state, existing, own, source.name)
        plan.tasks.append(Task(source, place, replace=existing is not None, claimed=True))
    else:
        plan.failures.append(exists_message(place))


def finish_plan(job: Job, plan: Plan) -> None:
    """Mark the job as finished: the next one like it may replace its results."""
    if plan.record is None:
        return
    with plan.record.locked():
        if job.fingerprint in plan.record.unfinished:
            plan.record.unfinished.discard(job.fingerprint)
            plan.record.write()


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
