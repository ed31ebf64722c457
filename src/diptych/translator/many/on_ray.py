"""The same job on Ray Data, on this machine or a cluster: each worker runs the pipeline on its share of pictures.

A worker that dies is started again and its share is done again. Results are written whole or not at all, so nothing is lost.
"""

import logging
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diptych.errors import DiptychError
from diptych.pictures.codecs import silence_libtiff
from diptych.registry import import_code, imported
from diptych.translator.many.jobs import Job
from diptych.translator.many.pipeline import Outcome, StageSeconds, run_pipeline
from diptych.translator.many.plan import Task

SHARE = 32
"""Pictures that a worker is given at once, at least; they are done again when it dies."""


class Worker:
    """A Ray actor that holds a translator."""

    def __init__(self, make_job: Callable[[], Job], threads: int, folder: str, imports: Sequence[str]) -> None:
        os.chdir(folder)  # as the command was typed there, so are its paths
        for word in imports:
            import_code(word)
        torch.set_num_threads(threads)
        silence_libtiff()
        self.job = make_job()

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        """Do a share of the tasks; a row of outcomes for each."""
        names = zip(rows["source"], rows["place"], rows["replace"], strict=True)  # bytes, since they need be no Unicode
        tasks = [Task(Path(os.fsdecode(one)), Path(os.fsdecode(to)), bool(replace)) for one, to, replace in names]
        seconds = StageSeconds()
        found = {outcome.task.place: outcome for outcome in run_pipeline(self.job, tasks, seconds)}
        done = [found[task.place] for task in tasks]
        texts = {
            name: np.array([os.fsencode(getattr(one, name)) for one in done], dtype=object)
            for name in ("problem", "note", "size_note")
        }
        shares = {name: np.full(len(tasks), spent / len(tasks)) for name, spent in asdict(seconds).items()}
        return {"number": rows["number"], **texts, **shares}


def translate_on_ray(
    make_job: Callable[[], Job], tasks: Sequence[Task], workers: int, batch: int, on_gpu: bool, seconds: StageSeconds
) -> Generator[Outcome]:
    """Do all tasks on so many workers; yields an outcome for each as it is known.

    Args:
        make_job: makes the job; it is sent to the workers, so it must be a function of a module with plain arguments.
        batch: pictures that are translated at once.
        on_gpu: each worker takes one.
        seconds: the time of all workers is added to it.

    Raises:
        DiptychError: when Ray is not installed, or has fewer processors than workers.
    """
    ray = start_ray(workers)
    try:
        rows = [
            {
                "number": number,
                "source": os.fsencode(task.source),
                "place": os.fsencode(task.place),
                "replace": task.replace or task.claimed,  # a share may be done again, whose results are there already
            }
            for number, task in enumerate(tasks)
        ]
        share = max(SHARE, batch)
        shares = max(1, min(-(-len(rows) // share), 4096))
        results = ray.data.from_items(rows, override_num_blocks=shares).map_batches(
            Worker,
            fn_constructor_args=(make_job, torch.get_num_threads(), os.getcwd(), imported()),
            batch_size=share,
            compute=ray.data.ActorPoolStrategy(size=workers),  # which starts dead workers anew, without end
            num_cpus=1,
            num_gpus=1 if on_gpu else None,
        )
        for row in results.iter_rows():
            seconds.add(**{field.name: float(row[field.name]) for field in fields(seconds)})
            words = (os.fsdecode(row[name]) for name in ("problem", "note", "size_note"))
            yield Outcome(tasks[int(row["number"])], *words)
    finally:
        ray.shutdown()


def start_ray(workers: int) -> Any:
    """Ray, connected to the cluster of RAY_ADDRESS, or started here with a processor for each worker and one more."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns that it will change its mind
    try:
        ray: Any = import_module("ray")
        import_module("ray.data")
    except ImportError:
        raise DiptychError("--ray needs Ray: pip install 'diptych[ray]'.") from None
    # Ray reserves processors by number alone; with fewer than it asks for it would wait forever.
    here = {"address": "local", "num_cpus": max(os.cpu_count() or 1, workers + 1)}
    place = {} if os.environ.get("RAY_ADDRESS") else here
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, **place)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if (available := int(ray.cluster_resources().get("CPU", 0))) < workers:
        ray.shutdown()
        raise DiptychError(
            f"--ray {workers} asks for more than the {available} processors of the cluster; ask for fewer."
        )
    return ray
