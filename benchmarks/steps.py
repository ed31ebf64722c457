"""Time and memory of a training step of several recipes, side by side: by default CUT and FastCUT beside CycleGAN.

Each is a process of its own with one thread. They take turns and never run at once, and their clock is the processor's time, so a
machine that is shared or drifts does so for all. Memory is the peak of the steps above what the process held before its networks were
built. Ratios are to the first recipe, round by round. Usage:

    python benchmarks/steps.py
    python benchmarks/steps.py --case "pix2pix: pix2pix-small" --case "SPADE: spade-facades-small"
"""

import argparse
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe, read
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.processes import join
from diptych.training.setup.estimate import full_step, noise, peak
from diptych.training.trainer import Trainer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._turns import Contestant, in_turn
from benchmarks.memory import MIB, held

NINE = "options.blocks=9"
CASES = {
    "CycleGAN with its identity term": f"cyclegan-small {NINE} options.identity=0.5",
    "CycleGAN": f"cyclegan-small {NINE}",
    "CUT": "cut-small",
    "FastCUT": "cut-fastcut-small",
}
"""128x128, half the width, nine blocks. CycleGAN's public codes train with the identity term, its paper without."""


class Step(NamedTuple):
    seconds: float
    """Of the processor."""
    mib: float


def serve(pipe: Connection, words: str) -> None:
    """For every number received, the mean of that many steps on noise."""
    torch.set_num_threads(1)
    keep_freed_memory()
    before = held()
    recipe = settings_of(words)
    trainer, batches = Trainer(recipe, join("cpu"), pictures=1000), iter(lambda: shown, None)
    shown: Batch = noise(recipe)
    step = full_step(trainer)
    while repeats := pipe.recv():
        began = time.process_time()
        for _ in range(repeats):
            trainer.advance(batches, step, faults=0).look()
            step += 1
        seconds = (time.process_time() - began) / repeats
        pipe.send(Step(seconds, (peak(torch.device("cpu")) - before) / MIB))


def settings_of(words: str) -> Recipe:
    """A recipe's name and overrides, without data and with a rate that does not end."""
    name, *overrides = words.split()
    return read(name, [*overrides, "data.folder=none", "training.device=cpu", "training.schedule=constant"])


def measured(cases: dict[str, str], rounds: int, repeats: int) -> dict[str, list[Step]]:
    """By name the steps of every round."""
    found = in_turn([Contestant(serve, (words,)) for words in cases.values()], rounds, repeats, warm_up=2)
    return {name: [row[place] for row in found] for place, name in enumerate(cases)}


def table_of(found: dict[str, list[Step]]) -> Table:
    """A row a recipe: medians, and the median of the ratios to the first."""
    table = Table("recipe", "ms a step", "ratio", "best and worst round", "MiB above the start", "ratio")
    first = next(iter(found.values()))
    for name, steps in found.items():
        ratios = [one.seconds / other.seconds for one, other in zip(steps, first, strict=True)]
        cells = [
            f"{1000 * statistics.median(step.seconds for step in steps):.0f}",
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
            f"{steps[-1].mib:.0f}",
            f"{steps[-1].mib / first[-1].mib:.2f}",
        ]
        table.add_row(name, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--case", action="append", default=[], metavar="NAME: RECIPE key=value ...")
    parser.add_argument("--device", choices=["cpu"], default="cpu", help="the processor alone")
    arguments = parser.parse_args()
    cases = dict(case.split(": ", 1) for case in arguments.case) or CASES
    Console(width=140).print(table_of(measured(cases, arguments.rounds, arguments.repeats)))


if __name__ == "__main__":
    main()
