"""Threads that wait for each other, spinning or asleep: a training step alone, and beside another program that wants a core.

Usage: python benchmarks/waiting.py [--rounds 5]

torch's OpenMP threads spin unless OMP_WAIT_POLICY says otherwise when torch is loaded, so each way has a process of its own;
they take turns, and the other program, which only computes, runs or does not run beside both alike.
"""

import argparse
import os
import statistics
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from diptych.training.memory import keep_freed_memory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks.training_step import Ours, pictures, recipe_of, timed

WAYS = ("active", "passive")
SIDE, BATCH = 128, 1


def step_for(pipe: Connection) -> None:
    """For every number received, that many training steps are timed, in milliseconds a step."""
    keep_freed_memory()
    ours = Ours(recipe_of("pix2pix", SIDE, BATCH, "auto", "cpu"), pictures(SIDE, BATCH))
    while repeats := pipe.recv():
        pipe.send(timed(ours.step, torch.device("cpu"), repeats))


def busy() -> None:
    """Computes for ever, with one thread."""
    number = 1
    while True:
        number = number * 48271 % 2147483647


def measured(rounds: int, repeats: int) -> dict[bool, list[dict[str, float]]]:
    """By whether there is another program: milliseconds a step by way, round by round."""
    context = get_context("spawn")
    pipes: dict[str, Connection] = {}
    for way in WAYS:
        os.environ["OMP_WAIT_POLICY"] = way  # what is spawned now inherits it
        pipes[way], theirs = context.Pipe()
        context.Process(target=step_for, args=(theirs,), daemon=True).start()

    def one_round(count: int) -> dict[str, float]:
        found = {}
        for way, pipe in pipes.items():
            pipe.send(count)
            found[way] = float(pipe.recv())
        return found

    one_round(3)  # warm-up
    found = {False: [one_round(repeats) for _ in range(rounds)]}
    other = context.Process(target=busy, daemon=True)
    other.start()
    found[True] = [one_round(repeats) for _ in range(rounds)]
    other.kill()
    for pipe in pipes.values():
        pipe.send(0)
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
        "beside", "spinning, ms a step", "asleep, ms a step", "asleep / spinning", "best and worst round",
        title=f"pix2pix {SIDE}x{SIDE}, batch {BATCH}, {torch.get_num_threads()} threads",
    )  # fmt: skip
    for other, rounds in measured(arguments.rounds, arguments.repeats).items():
        ratios = [one["passive"] / one["active"] for one in rounds]
        spinning, asleep = (statistics.median(one[way] for one in rounds) for way in WAYS)
        span = f"{min(ratios):.2f} to {max(ratios):.2f}"
        beside = "a program that computes" if other else "nothing"
        table.add_row(beside, f"{spinning:.0f}", f"{asleep:.0f}", f"{statistics.median(ratios):.2f}", span)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
