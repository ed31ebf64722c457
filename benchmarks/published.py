"""Each published configuration at its published size: seconds a step, how near the machine's limit, and peak memory, one process each.

Usage: python benchmarks/published.py [--device cpu] [--only spade-cityscapes] [--steps 2] [--batch 1]

Pictures are noise. VGG19 has random weights, which take as long as trained ones. The paper's batch is often spread over
eight GPUs; --batch says what one process takes here. The limit is that of limits.py.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from diptych.machine.devices import choose
from diptych.networks.features import perceptual
from diptych.recipe import read
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.processes import join
from diptych.training.setup.estimate import full_step, noise, peak
from diptych.training.trainer import Trainer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._features import load_or_untrained
from benchmarks.limits import least, measure, training_work

RECIPES = {
    "pix2pix": "256x256",
    "cyclegan": "256x256",
    "travelgan": "128x128, batch 16",
    "srresnet": "96x96 crops, batch 16",
    "srgan": "96x96 crops, batch 16",
    "inpainting": "256x256",
    "spade-ade20k": "256x256",
    "spade-cocostuff": "256x256",
    "spade-facades": "256x256, with style",
    "spade-cityscapes": "512x256",
    "pix2pixhd-cityscapes": "1024x512",
    "pix2pixhd-cityscapes-1024p": "2048x1024",
}
OWN_BATCH = ("travelgan", "srresnet", "srgan")
"""Whose batch is of one process as published."""
GIB = 2**30
LOOKS = 10  # at the ceilings, of which the best counts, since one may fall into a slow moment of the machine


def one(name: str, steps: int, batch: int, device: str) -> dict[str, float]:
    """In a process of its own: seconds of the steps after the first, and of the fewest that the machine's ceilings allow."""
    words = [f"training.device={device}", "data.folder=none", "training.schedule=constant"]
    words += [] if name in OWN_BATCH else [f"training.batch_size={batch}"]
    recipe = read(name, words)
    place = choose(device)
    keep_freed_memory()
    with patch.object(perceptual, "load", load_or_untrained):  # the time does not depend on the weights
        trainer = Trainer(recipe, join(recipe.training.device), pictures=100_000)
    batches = iter(lambda: noise(recipe), None)
    times, first = [], full_step(trainer)
    for step in range(steps + 1):
        began = time.perf_counter()
        trainer.advance(batches, first + step, faults=0)
        times.append(time.perf_counter() - began)
    most = peak(place)  # before the yardsticks take memory
    products = [product for found in training_work(recipe).values() for product in found]
    weights = sum(parameter.numel() for parameter in trainer.state.system.parameters())
    return {
        "seconds": min(times[1:]),
        "slowest": max(times[1:]),
        "least": least(products, measure({}, place, LOOKS)[0]),
        "memory": most / GIB,
        "millions": weights / 1e6,
        "batch": recipe.training.batch_size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", default="")
    parser.add_argument("--without", nargs="*", choices=RECIPES, default=[])
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10.0, help="after which a configuration is given up")
    parser.add_argument("--inside", default="", help="for the process of one configuration")
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(one(arguments.inside, arguments.steps, arguments.batch, arguments.device)))
        return
    columns = ["seconds a step", "limit / that", "in the slowest", "peak GiB"]
    table = Table("recipe", "at", "batch", "million weights", *columns, title="published configurations")
    for name, size in RECIPES.items():
        if name in arguments.without or (arguments.only and arguments.only != name):
            continue
        words = ["--inside", name, "--steps", str(arguments.steps), "--batch", str(arguments.batch)]
        command = [sys.executable, __file__, *words, "--device", arguments.device]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60 * arguments.minutes, check=False)
            found = json.loads(done.stdout.splitlines()[-1])
            numbers = [
                f"{found['batch']:.0f}",
                f"{found['millions']:.1f}",
                f"{found['seconds']:.2f}",
                f"{100 * found['least'] / found['seconds']:.0f} %",
                f"{100 * found['least'] / found['slowest']:.0f} %",
                f"{found['memory']:.1f}",
            ]
        except subprocess.TimeoutExpired:
            numbers = ["", "", f"over {arguments.minutes:.0f} minutes for {arguments.steps + 1} steps"]
        except (IndexError, ValueError):
            numbers = ["", "", "did not fit" if done.returncode < 0 else done.stderr.splitlines()[-1][:60]]
        table.add_row(name, size, *numbers)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
