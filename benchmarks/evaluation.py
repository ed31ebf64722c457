"""Judging at 256x256: seconds for 100 pictures by metric, without the generator's time, and memory over the count.

Usage: python benchmarks/evaluation.py [--pictures 1000]

Pictures are made in memory; the segmenter has random weights, which take as long as trained ones.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from diptych.evaluation.evaluate import TEXTURES, USUAL, evaluate
from diptych.evaluation.metrics import Example
from diptych.evaluation.needs import Means
from diptych.evaluation.segmentation import Segmenter
from diptych.networks.fcn import FCN
from diptych.training.estimate import held

MIB = 2**20
SIDE, CLASSES = 256, 12


def examples(count: int) -> Iterator[Example]:
    generator = torch.Generator().manual_seed(0)
    labels = np.random.default_rng(0).integers(CLASSES, size=(SIDE, SIDE)).astype(np.uint8)
    for number in range(count):
        rough = torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1
        output, target = torch.nn.functional.interpolate(rough, SIDE, mode="bilinear").split(1)
        yield Example(str(number), output, output, target, target, labels=labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000, help="up to which memory is followed")
    parser.add_argument(
        "--device", default="cpu", help="there is one way only; taken so that all benchmarks can be called alike"
    )
    arguments = parser.parse_args()
    means = Means(side=SIDE, labels=True, classes=CLASSES, segmenter=Segmenter(FCN(CLASSES)))
    metrics = [*USUAL, *TEXTURES, "fcn"]
    evaluate(examples(8), metrics, means)  # weights are read, buffers made
    table = Table(
        "metric", "seconds for 100 pictures", title=f"judging at {SIDE}x{SIDE}, {torch.get_num_threads()} threads"
    )
    for name in [*metrics, "all together"]:
        began = time.perf_counter()
        evaluate(examples(100), metrics if name == "all together" else [name], means)
        table.add_row(name, f"{time.perf_counter() - began:.1f}")
    Console(width=90).print(table)
    memory = Table("pictures", "held MiB", title="memory while judging by all metrics")
    marks = {arguments.pictures * part // 4 for part in range(1, 5)}

    def follow(done: int) -> None:
        if done in marks:
            memory.add_row(str(done), f"{held() / MIB:.0f}")

    evaluate(examples(arguments.pictures), metrics, means, follow)
    Console(width=90).print(memory)


if __name__ == "__main__":
    main()
