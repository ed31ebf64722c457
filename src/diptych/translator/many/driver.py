"""All pictures of a command: planned, translated here or on Ray, and counted."""

from collections.abc import Callable
from pathlib import Path

from diptych.errors import NoSpaceError
from diptych.machine.progress import show
from diptych.translator.many.jobs import Job
from diptych.translator.many.on_ray import translate_on_ray
from diptych.translator.many.pipeline import StageSeconds, run_pipeline
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
    progress = Progress(tally)
    job.translator.on_progress = lambda stage, done, count: progress.show(f"  ({stage}: {done}/{count})")
    seconds = StageSeconds()
    interrupted, full, noted = False, None, False
    if workers and plan.tasks:
        assert make_job is not None
        on_gpu = job.translator.eager is not None and job.translator.eager.device.type == "cuda"
        outcomes = translate_on_ray(make_job, plan.tasks, workers, job.batch, on_gpu, seconds)
    else:
        outcomes = run_pipeline(job, plan.tasks, seconds)
    try:
        try:
            for outcome in outcomes:
                tally.add(outcome)
                if outcome.size_note and not noted:  # printed once for all pictures
                    noted = True
                    show()
                    print(outcome.size_note, flush=True)
                progress.show()
        finally:
            show()
            outcomes.close()
        finish_plan(job, plan)
    except KeyboardInterrupt:
        interrupted = True
    except NoSpaceError as problem:
        full = problem
    engine = f"{job.translator.engine.name}, {job.translator.engine.precision}"
    tally.print_summary(out, seconds, engine + (f", {workers} workers on Ray" if workers else ""), interrupted)
    if full is not None:
        raise full
    return 130 if interrupted else 1 if tally.failures else 0
