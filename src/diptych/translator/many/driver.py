"""All pictures of a command: planned, translated here or on Ray, and counted."""

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from diptych.errors import NoSpaceError
from diptych.machine.progress import show
from diptych.translator.many.jobs import Job
from diptych.translator.many.on_ray import translate_on_ray
from diptych.translator.many.pipeline import Outcome, StageSeconds, run_pipeline
from diptych.translator.many.plan import finish_plan, make_plan
from diptych.translator.many.progress import Progress, Tally


def translate_all(
    job: Job,
    pictures: list[tuple[Path, Path]],
    out: Path,
    workers: int = 0,
    make_job: Callable[[], Job] | None = None,
) -> int:
    """Translate all pictures into ``out``; the exit code is 1 when any could not be done, 130 when interrupted.

    Args:
        pictures: each with its place under ``out``.
        workers: on Ray; 0 = in this process.
        make_job: makes the same job again, in a worker.

    Raises:
        UsageError: as ``make_plan`` does.
        DiptychError: when the folder cannot be written, or Ray is not there.
    """
    plan = make_plan(job, pictures, out)
    tally = Tally(len(pictures), plan.already_done, list(plan.failures))
    progress, seconds = Progress(tally), StageSeconds()
    job.translator.on_progress = lambda stage, done, count: progress.show(f"  ({stage}: {done}/{count})")
    if workers and plan.tasks:
        assert make_job is not None
        on_gpu = job.translator.eager is not None and job.translator.eager.device.type == "cuda"
        outcomes = translate_on_ray(make_job, plan.tasks, workers, job.batch, on_gpu, seconds)
    else:
        outcomes = run_pipeline(job, plan.tasks, seconds)
    stopped: BaseException | None = None
    try:
        with closing(outcomes):
            count(outcomes, tally, progress)
        finish_plan(job, plan)
    except (KeyboardInterrupt, NoSpaceError) as problem:
        stopped = problem
    finally:
        show()
    engine = f"{job.translator.engine.name}, {job.translator.engine.precision}"
    interrupted = isinstance(stopped, KeyboardInterrupt)
    tally.print_summary(out, seconds, engine + (f", {workers} workers on Ray" if workers else ""), interrupted)
    if isinstance(stopped, NoSpaceError):
        raise stopped
    return 130 if interrupted else 1 if tally.failures else 0


def count(outcomes: Iterable[Outcome], tally: Tally, progress: Progress) -> None:
    noted = False
    for outcome in outcomes:
        tally.add(outcome)
        if outcome.size_note and not noted:  # printed once for all pictures
            noted = True
            show()
            print(outcome.size_note, flush=True)
        progress.show()
