"""The same job on Ray Data, on this machine or a cluster: each worker does its share of pictures as the command itself would.

A worker that dies is started anew and its share is done again; results are written whole or not at all, so nothing is lost and
nothing is half done.
"""

import logging
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diptych.errors import DiptychError
from diptych.pictures.codecs import silence_libtiff
from diptych.translator.many.jobs import Job
from diptych.translator.many.pipeline import Outcome, Seconds, work
from diptych.translator.many.plan import Task

SHARE = 32
"""Pictures that a worker is given at once, at least; what is done again when it dies."""


class Worker:
    """A process that holds a translator."""

    def __init__(self, made: Callable[[], Job], threads: int, folder: str) -> None:
        os.chdir(folder)  # as the command was typed there, so are its paths
        torch.set_num_threads(threads)
        silence_libtiff()
        self.job = made()

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        """A share of the tasks to what became of them, a row each."""
        tasks = [
            Task(Path(source), Path(place), bool(replace))
            for source, place, replace in zip(*columns(rows), rows["replace"], strict=True)
        ]
        seconds = Seconds()
        found = {outcome.task.place: outcome for outcome in work(self.job, tasks, seconds)}
        done = [found[task.place] for task in tasks]
        return {
            "number": rows["number"],
            "problem": np.array([os.fsencode(one.problem) for one in done], dtype=object),
            "note": np.array([os.fsencode(one.note) for one in done], dtype=object),
            "about": np.array([os.fsencode(one.about) for one in done], dtype=object),
        } | {name: np.full(len(tasks), spent / len(tasks)) for name, spent in asdict(seconds).items()}


def columns(rows: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Names come as bytes, since Ray's texts are Unicode and names of files need not be."""
    return [os.fsdecode(one) for one in rows["source"]], [os.fsdecode(one) for one in rows["place"]]


def spread(
    made: Callable[[], Job], tasks: Sequence[Task], workers: int, batch: int, on_gpu: bool, seconds: Seconds
) -> Generator[Outcome]:
    """Do all tasks on so many workers; an outcome for each as it is known.

    Args:
        made: makes the job; it is sent to the workers, so it must be a function of a module with plain arguments.
        batch: pictures that are translated at once.
        on_gpu: each worker takes one.
        seconds: what all workers spent is added to it.

    Raises:
        DiptychError: when Ray is not installed, or has fewer processors than workers.
    """
    ray = started(workers)
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
            fn_constructor_args=(made, torch.get_num_threads(), os.getcwd()),
            batch_size=share,
            compute=ray.data.ActorPoolStrategy(size=workers),  # which starts dead workers anew, without end
            num_cpus=1,
            num_gpus=1 if on_gpu else None,
        )
        for row in results.iter_rows():
            seconds.add(Seconds(float(row["reading"]), float(row["translating"]), float(row["writing"])))
            words = (os.fsdecode(row[name]) for name in ("problem", "note", "about"))
            yield Outcome(tasks[int(row["number"])], *words)
    finally:
        ray.shutdown()


def started(workers: int) -> Any:
    """Ray, connected to the cluster that RAY_ADDRESS names, or begun here with a processor for each worker and one to spare."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns that it will change its mind
    try:
        ray: Any = import_module("ray")
        import_module("ray.data")
    except ImportError:
        raise DiptychError("--ray needs Ray: pip install 'diptych[ray]'.") from None
    quiet = partial(ray.init, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    if os.environ.get("RAY_ADDRESS"):
        quiet()
    else:
        # Ray counts processors in words alone; with fewer than it asks for it would wait forever.
        quiet(address="local", num_cpus=max(os.cpu_count() or 1, workers + 1))
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if (there := int(ray.cluster_resources().get("CPU", 0))) < workers:
        ray.shutdown()
        raise DiptychError(f"--ray {workers} asks for more than the {there} processors of the cluster; ask for fewer.")
    return ray
