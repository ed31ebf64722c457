"""All pictures of a command: planned, done here or on Ray, and told."""

from collections.abc import Callable, Generator
from pathlib import Path

from diptych.errors import NoSpaceError
from diptych.translator.many.jobs import Job
from diptych.translator.many.on_ray import translate_on_ray
from diptych.translator.many.pipeline import Outcome, StageSeconds, run_pipeline
from diptych.translator.many.plan import Plan, finish_plan, make_plan
from diptych.translator.many.progress import Progress, Tally


def translate_all(
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
        UsageError: as ``make_plan`` does.
        DiptychError: when the folder cannot be written, or Ray is not there.
    """
    plan = make_plan(job, pictures, out)
    tally = Tally(len(pictures), plan.already_done, list(plan.failures))
    seconds = StageSeconds()
    interrupted, full = False, None
    try:
        follow(job, outcomes(job, plan, seconds, workers, made), tally)
        finish_plan(job, plan)
    except KeyboardInterrupt:
        interrupted = True
    except NoSpaceError as problem:
        full = problem
    tally.print_summary(out, seconds, engine_name(job, workers), interrupted)
    if full is not None:
        raise full
    if interrupted:
        return 130
    return 1 if tally.failures else 0


def outcomes(
    job: Job, plan: Plan, seconds: StageSeconds, workers: int, made: Callable[[], Job] | None
) -> Generator[Outcome]:
    if workers and plan.tasks:
        assert made is not None
        plain = job.translator.eager
        on_gpu = plain is not None and plain.device.type == "cuda"
        return translate_on_ray(made, plan.tasks, workers, job.batch, on_gpu, seconds)
    return run_pipeline(job, plan.tasks, seconds)


def follow(job: Job, coming: Generator[Outcome], tally: Tally) -> None:
    """Count what is done, and say how far it is, and once at which size the network saw the pictures."""
    progress = Progress(tally)
    said = False
    job.translator.on_progress = progress.tiles
    try:
        for outcome in coming:
            tally.add(outcome)
            if outcome.size_note and not said:
                progress.clear()
                print(outcome.size_note, flush=True)
                said = True
            progress.show()
    finally:
        progress.clear()
        coming.close()


def engine_name(job: Job, workers: int) -> str:
    engine = job.translator.engine
    return f"{engine.name}, {engine.precision}" + (f", {workers} workers on Ray" if workers else "")
