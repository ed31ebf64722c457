"""Memory of a pix2pix training at 256x256, batch 1, over many steps: its peak, and whether it grows.

Usage: python benchmarks/memory.py [--steps 2000] [--device cuda]
"""

import argparse
import sys
from itertools import repeat

import torch
from rich.console import Console
from rich.table import Table

from diptych.images import Batch
from diptych.recipe import Recipe
from diptych.training.estimate import held, peak
from diptych.training.loop import Trainer
from diptych.training.memory import keep_freed_memory
from diptych.training.processes import join

MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("There is no GPU here; run this where there is one.")
        return
    keep_freed_memory()
    training = {"steps": arguments.steps, "device": arguments.device}
    recipe = Recipe.from_table({"system": "pix2pix", "training": training})
    trainer = Trainer(recipe, join(arguments.device), pictures=400)
    generator = torch.Generator().manual_seed(0)
    batch = Batch(*(torch.rand(1, 3, 256, 256, generator=generator) * 2 - 1 for _ in range(2)))
    parameters = sum(parameter.numel() for parameter in trainer.state.system.parameters())
    table = Table(
        "steps", "held MiB", "peak MiB", title=f"pix2pix 256x256 batch 1, {parameters / 1e6:.1f} M parameters"
    )
    batches = repeat(batch)
    marks = {10, *(arguments.steps * part // 4 for part in range(1, 5))}
    for step in range(arguments.steps):
        trainer.advance(batches, step, faults=0)
        if step + 1 in marks:
            table.add_row(str(step + 1), f"{held() / MIB:.0f}", f"{peak() / MIB:.0f}")
            print(f"{step + 1} of {arguments.steps} steps", file=sys.stderr)
    Console(width=90).print(table)


if __name__ == "__main__":
    main()
