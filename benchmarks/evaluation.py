"""Judging at 256x256: seconds by metric, without the generator's time, and memory over the count.

Usage: python benchmarks/evaluation.py [--pictures 1000]

A share is of the time of all metrics together, in the same round. Pictures are made in memory; the segmenter has random
weights, which take as long as trained ones.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from diptych.evaluation.evaluate import TEXTURES, USUAL, evaluate
from diptych.evaluation.metrics import Example
from diptych.evaluation.requirements import Resources
from diptych.evaluation.segmentation import Segmenter
from diptych.networks.features.fcn import FCN

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._turns import Compared
from benchmarks.memory import held

MIB = 2**20
SIDE, CLASSES = 256, 12
AT_ONCE = 30  # pictures of a round


def examples(count: int) -> Iterator[Example]:
    generator = torch.Generator().manual_seed(0)
    labels = np.random.default_rng(0).integers(CLASSES, size=(SIDE, SIDE)).astype(np.uint16)
    for number in range(count):
        rough = torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1
        output, target = torch.nn.functional.interpolate(rough, SIDE, mode="bilinear").split(1)
        yield Example(str(number), output, output, target, target, labels=labels)


def seconds(metrics: list[str], resources: Resources) -> float:
    """For so many pictures."""
    began = time.perf_counter()
    evaluate(examples(AT_ONCE), metrics, resources)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000, help="up to which memory is followed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--device", default="cpu", help="there is one way only; taken so that all benchmarks can be called alike"
    )
    arguments = parser.parse_args()
    resources = Resources(side=SIDE, labels=True, classes=CLASSES, segmenter=Segmenter(FCN(CLASSES)))
    metrics = [*USUAL, *TEXTURES, "fcn"]
    evaluate(examples(8), metrics, resources)  # weights are read, buffers made
    table = Table(
        "metric",
        f"seconds for {AT_ONCE} pictures",
        "of all together",
        "best and worst round",
        title=f"judging at {SIDE}x{SIDE}, {torch.get_num_threads()} threads",
    )
    chosen = {"all together": metrics} | {name: [name] for name in metrics}
    rounds = [[seconds(names, resources) for names in chosen.values()] for _ in range(arguments.rounds)]
    for place, name in enumerate(chosen):
        found = Compared.of([tuple(taken) for taken in rounds], 0, place)
        table.add_row(name, f"{found.second:.1f}", f"{found.ratio:.2f}", found.span)
    Console(width=90).print(table)
    memory = Table("pictures", "held MiB", title="memory while judging by all metrics")
    marks = {arguments.pictures * part // 4 for part in range(1, 5)}

    def follow(done: int) -> None:
        if done in marks:
            memory.add_row(str(done), f"{held() / MIB:.0f}")

    evaluate(examples(arguments.pictures), metrics, resources, follow)
    Console(width=90).print(memory)


if __name__ == "__main__":
    main()
