"""Quality against minutes: the published recipe trained as a plain reference trains it, and ours, on the same data.

Each contestant is a process of its own with one thread, and its clock is the processor's time that it trained: minutes of one
core, whatever else runs. They train side by side, as many as there are cores, a seed after the other, so that a machine that
drifts drifts for all; at each mark the clock stands still, batch norm's statistics are computed anew, and the validation pictures are
translated and judged. The
reference is the published network and settings in plain eager float32 (``training_step.PlainPix2Pix``), tested as in the
paper; its pictures come from our reader. Usage:

    python benchmarks/learning_curves.py --data FACADES --minutes 30 --seeds 2 --out FOLDER

``--try "NAME: RECIPE key=value ..."`` puts other recipes in the place of ours, as often as it is given. What ``--out`` holds
stays, and who is done there is not trained again: two runs with other ``--minutes`` may share a folder. Other pairs than facades:

    python benchmarks/learning_curves.py --data HANDBAGS --set data.direction=b-to-a --metrics l1,ssim,sharpness,frechet
"""

import argparse
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console

from diptych.data import open_dataset
from diptych.data.stream import stream
from diptych.evaluation.metrics import chosen
from diptych.evaluation.requirements import NETWORK
from diptych.pictures import formats
from diptych.recipe import Recipe, read
from diptych.systems import Pix2Pix
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.loop import prepare
from diptych.training.processes import join
from diptych.training.state import build
from diptych.training.statistics import precise_statistics
from diptych.training.trainer import Trainer
from diptych.training.validation import Validation

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks import candidates
from benchmarks._curves import by_mark, metrics_of, plot, side_by_side, table_of
from benchmarks._data import DATA
from benchmarks.training_step import PlainPix2Pix

PUBLISHED = ["data.load_size=143", "data.crop_size=128", "training.precision=float32"]
FACADES = ("pix2pix-facades", "pix2pix-small-facades", "fcn,frechet,l1,psnr,ssim")
OTHERS = ("pix2pix", "pix2pix-small", "frechet,l1,psnr,ssim,sharpness")
"""What the reference trains, what ours is, and by what both are judged: where labels have a palette, and elsewhere."""
MARKS = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0)
GRID = 6  # pictures of the sample grids


class Contestant(NamedTuple):
    """Who trains what."""

    name: str
    recipe: str
    overrides: list[str]
    plain: bool = False

    def settings(self, data: str, seed: int, metrics: Sequence[str], network: str) -> Recipe:
        """Its recipe on this data. One whose steps end before the minutes do stays as it is then."""
        wanted = [f"data.folder={data}", "data.workers=0", f"training.seed={seed}", "training.device=cpu"]
        judged = [f"training.metrics={json.dumps(list(metrics))}", f"training.metrics_network={network}"]
        return read(self.recipe, [*wanted, *judged, *self.overrides])


class Clock:
    """Minutes of a core that this process spent between ``run`` and ``stop``."""

    def __init__(self) -> None:
        self.before = 0.0
        self.began = time.process_time()

    def minutes(self) -> float:
        return (self.before + time.process_time() - self.began) / 60

    def stop(self) -> None:
        self.before += time.process_time() - self.began

    def run(self) -> None:
        self.began = time.process_time()


class PlainTrainer:
    """The reference, with its networks as they are built, in the place where a validation looks for them."""

    def __init__(self, trainer: Trainer) -> None:
        trainer.state.system = system = build(trainer.recipe).train()
        assert isinstance(system, Pix2Pix)
        self.plain = PlainPix2Pix(system)

    def advance(self, batches: Iterator[Any], step: int, faults: int) -> object:
        return self.plain.step(next(batches))


def contend(pipe: Connection, contestant: Contestant, recipe: Recipe, marks: list[float], out: str) -> None:
    """Train up to each mark and send what was scored there."""
    torch.set_num_threads(1)
    candidates.register()
    seed = recipe.training.seed
    if not contestant.plain:
        keep_freed_memory()
    dataset, trainer = prepare(open_dataset(recipe.data, "train", train=True), recipe, join("cpu"))
    runner = PlainTrainer(trainer) if contestant.plain else trainer
    validation = Validation(recipe, torch.device("cpu"), open_dataset(recipe.data, "val", train=False))
    validation.prepare(lambda words: pipe.send({"says": words}))
    batches = stream(dataset, recipe.training.batch_size, seed, 0, 0)
    clock, step = Clock(), 0
    for mark in marks:
        while clock.minutes() < mark and step < trainer.steps:
            runner.advance(batches, step, 0)
            step += 1
        clock.stop()
        if not contestant.plain:
            trainer.state.statistics = precise_statistics(trainer, dataset)
        scores = validation.measured(trainer.state, 100)
        grid = validation.grid(trainer.state, GRID)
        trainer.state.system.train()
        formats.write(Path(out) / f"{contestant.name}-{seed}-{mark:g}.png", grid)
        pipe.send({"name": contestant.name, "seed": seed, "minutes": mark, "step": step, "scores": scores})
        clock.run()
    pipe.send(None)


def stored(out: Path) -> list[dict[str, Any]]:
    """The scores that ``out`` holds."""
    place = out / "curves.json"
    rows: list[dict[str, Any]] = json.loads(place.read_text()) if place.is_file() else []
    return rows


def compete(contestants: list[Contestant], arguments: argparse.Namespace, marks: list[float]) -> list[dict[str, Any]]:
    """All contestants with all seeds, ``--at-once`` of them side by side."""
    context = get_context("spawn")
    due = deque((contestant, seed) for seed in range(arguments.seeds) for contestant in contestants)
    running: dict[Connection, BaseProcess] = {}
    results = stored(arguments.out)
    done = {(row["name"], row["seed"]) for row in results if row["minutes"] == marks[-1]}
    due = deque(pair for pair in due if (pair[0].name, pair[1]) not in done)
    while due or running:
        while due and len(running) < arguments.at_once:
            contestant, seed = due.popleft()
            mine, theirs = context.Pipe()
            recipe = contestant.settings(arguments.data, seed, arguments.metrics, arguments.network)
            given = (theirs, contestant, recipe, marks, str(arguments.out))
            process = context.Process(target=contend, args=given, daemon=True)
            process.start()
            theirs.close()
            running[mine] = process
        for pipe in wait(list(running)):
            assert isinstance(pipe, Connection)
            try:
                message = pipe.recv()
            except EOFError:
                raise SystemExit("a contestant ended early; what it said stands above.") from None
            if message is None:
                running.pop(pipe).join()
            elif "says" in message:
                print(message["says"], flush=True)
            else:
                results.append(message)
                (arguments.out / "curves.json").write_text(json.dumps(results, indent=1))
                figures = "  ".join(f"{name} {value:.4f}" for name, value in message["scores"].items())
                print(
                    f"{message['name']} seed {message['seed']}, {message['minutes']:g} min, step {message['step']}: {figures}",
                    flush=True,
                )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(DATA / "facades"))
    parser.add_argument("--set", nargs="+", default=[], metavar="key=value", help="for all contestants")
    parser.add_argument("--metrics", default="", help="as for diptych evaluate; by default what fits the data")
    parser.add_argument(
        "--network", default=NETWORK, help="feature network of the metrics; one that no contestant trained through"
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--marks", type=float, nargs="+", default=MARKS, help="minutes at which is judged")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("runs/learning-curves"))
    parser.add_argument("--try", dest="tries", action="append", default=[], metavar="NAME: RECIPE key=value ...")
    parser.add_argument("--draw", action="store_true", help="train nothing: table and plots of what --out holds")
    parser.add_argument("--no-reference", action="store_true")
    parser.add_argument("--no-ours", action="store_true")
    arguments = parser.parse_args()
    if not arguments.draw and not Path(arguments.data).is_dir():
        raise SystemExit(
            f"There is no folder {arguments.data}; name one of side-by-side pairs with --data, such as the facades."
        )
    arguments.out.mkdir(parents=True, exist_ok=True)
    published, ours, metrics = FACADES if Path(arguments.data).name == "facades" else OTHERS
    arguments.metrics = chosen(arguments.metrics or metrics)
    contestants = []
    if not arguments.no_reference:
        contestants.append(Contestant("reference", published, [*PUBLISHED, *arguments.set], plain=True))
    for wanted in [] if arguments.no_ours else arguments.tries or [f"{ours}: {ours}"]:
        name, _, rest = wanted.partition(": ")
        recipe, *overrides = rest.split()
        contestants.append(Contestant(name, recipe, [*arguments.set, *overrides]))
    marks = [mark for mark in arguments.marks if mark < arguments.minutes] + [arguments.minutes]
    results = stored(arguments.out) if arguments.draw else compete(contestants, arguments, marks)
    names = list(dict.fromkeys(row["name"] for row in results))
    names.sort(key=lambda name: name != "reference")
    if not results:
        print(f"{arguments.out} holds no curves; run without --draw first.")
        return
    reached_by_all = set.intersection(*(set(by_mark(results, name, metrics_of(results)[0])) for name in names))
    Console(width=180).print(table_of(results, names))
    plot(results, names, arguments.out)
    for seed in sorted({row["seed"] for row in results}):
        side_by_side(names, sorted(reached_by_all), seed, arguments.out)
    print(f"Written: {arguments.out} (curves.json, curves.html, sample grids)")


if __name__ == "__main__":
    main()
