"""All pictures of a command: planned, done here or on Ray, and told."""

from collections.abc import Callable, Generator
from pathlib import Path

from diptych.errors import NoSpaceError
from diptych.translator.many.jobs import Job
from diptych.translator.many.on_ray import spread
from diptych.translator.many.pipeline import Outcome, Seconds, work
from diptych.translator.many.plan import Plan, finished, planned
from diptych.translator.many.progress import Progress, Tally


def write_all(
    job: Job,
    pictures: list[tuple[Path, Path]],
    out: Path,
    workers: int = 0,
    made: Callable[[], Job] | None = None,
) -> int:
    """Translate all pictures into ``out``; the exit code is 1 when any could not be done, 130 when interrupted.

    Args:
        pictures: each with its place under ``out``.
        workers: of Ray; 0 = in this process.
        made: makes the same job anew, in a worker.

    Raises:
        UsageError: as ``planned`` does.
        DiptychError: when the folder cannot be written, or Ray is not there.
    """
    plan = planned(job, pictures, out)
    tally = Tally(len(pictures), plan.there, list(plan.failures))
    seconds = Seconds()
    interrupted, full = False, None
    try:
        follow(job, outcomes(job, plan, seconds, workers, made), tally)
        finished(job, plan)
    except KeyboardInterrupt:
        interrupted = True
    except NoSpaceError as problem:
        full = problem
    tally.tell(out, seconds, engine_words(job, workers), interrupted)
    if full is not None:
        raise full
    if interrupted:
        return 130
    return 1 if tally.failures else 0


def outcomes(
    job: Job, plan: Plan, seconds: Seconds, workers: int, made: Callable[[], Job] | None
) -> Generator[Outcome]:
    if workers and plan.tasks:
        assert made is not None
        plain = job.translator.plain
        on_gpu = plain is not None and plain.device.type == "cuda"
        return spread(made, plan.tasks, workers, job.batch, on_gpu, seconds)
    return work(job, plan.tasks, seconds)


def follow(job: Job, coming: Generator[Outcome], tally: Tally) -> None:
    """Count what is done, and say how far it is, and once at which size the network saw the pictures."""
    progress = Progress(tally)
    said = False
    job.translator.tell = progress.tiles
    try:
        for outcome in coming:
            tally.add(outcome)
            if outcome.about and not said:
                progress.clear()
                print(outcome.about, flush=True)
                said = True
            progress.show()
    finally:
        progress.clear()
        coming.close()


def engine_words(job: Job, workers: int) -> str:
    engine = job.translator.engine
    return f"{engine.name}, {engine.precision}" + (f", {workers} workers on Ray" if workers else "")
