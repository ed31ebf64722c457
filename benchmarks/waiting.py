"""Threads that wait for each other, spinning or blocked: a training step and judging, alone and beside another program that wants a core.

Usage: python benchmarks/waiting.py [--rounds 5]

The first is what `diptych train` and `diptych evaluate` do, the second `diptych serve`; it is said in the environment before
torch is loaded, so each way has a process of its own. They take turns, and the other program, which only computes, runs or does
not run beside both alike.
"""

import argparse
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from diptych.evaluation.evaluate import USUAL, evaluate
from diptych.evaluation.requirements import Resources
from diptych.machine.threads import BLOCKS, SPINS
from diptych.training.accelerate.allocator import keep_freed_memory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._turns import Compared, Contestant, in_turn
from benchmarks.evaluation import examples
from benchmarks.training_step import Ours, pictures, recipe_of, timed

SIDE, BATCH = 128, 1
JUDGED = 8
"""Pictures, by the usual metrics."""


def step_for(pipe: Connection) -> None:
    """For every number received, that many training steps are timed, in milliseconds a step."""
    keep_freed_memory()
    ours = Ours(recipe_of("pix2pix", SIDE, BATCH, "auto", "cpu"), pictures(SIDE, BATCH))
    while repeats := pipe.recv():
        pipe.send(timed(ours.step, torch.device("cpu"), repeats))


def judging_for(pipe: Connection) -> None:
    """For every number received, so many pictures are made and judged that often, in milliseconds each time."""
    means = Resources()
    while repeats := pipe.recv():
        pipe.send(timed(lambda: evaluate(examples(JUDGED), USUAL, means), torch.device("cpu"), repeats))


WORK = {f"step of pix2pix {SIDE}x{SIDE}": step_for, f"judging {JUDGED} pictures of 256x256": judging_for}


def busy() -> None:
    """Computes for ever, with one thread."""
    number = 1
    while True:
        number = number * 48271 % 2147483647


def measured(work: Callable[[Connection], None], rounds: int, repeats: int) -> dict[bool, Compared]:
    """By whether there is another program, spinning against blocked."""
    ways = [Contestant(work, (), environment) for environment in (SPINS, BLOCKS)]
    found = {False: Compared.of(in_turn(ways, rounds, repeats, warm_up=3))}
    other = get_context("spawn").Process(target=busy, daemon=True)
    other.start()
    found[True] = Compared.of(in_turn(ways, rounds, repeats, warm_up=3))
    other.kill()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument(
        "--device", default="cpu", help="processors alone have such threads; taken so that all can be called alike"
    )
    arguments = parser.parse_args()
    table = Table(
        "work", "beside", "spinning, ms", "blocked, ms", "blocked / spinning", "best and worst round",
        title=f"{torch.get_num_threads()} threads",
    )  # fmt: skip
    for name, work in WORK.items():
        for other, found in measured(work, arguments.rounds, arguments.repeats).items():
            beside = "a program that computes" if other else "nothing"
            table.add_row(name, beside, f"{found.first:.0f}", f"{found.second:.0f}", f"{found.ratio:.2f}", found.span)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
