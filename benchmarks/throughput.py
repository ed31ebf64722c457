"""Pictures a second of real training steps, data included, against two references: what the GPU table of BENCHMARKS.md is.

pix2pix at 256x256 in several batches and CycleGAN at 256x256, each contestant in a process of its own, in turn and never at once:

* the plain eager reference of ``training_step.py`` in float32, its pictures in memory on the device, so that it never waits;
* the same under bfloat16 autocast with channels-last weights and pictures;
* ours as `diptych train` does it, from JPEG pairs on disk (after the first epoch pictures that fit stay on the device).

With it: peak memory, the share of the machine's measured bfloat16 rate that the step's operations come to, and the share of ours
that is spent waiting for data. Usage: python benchmarks/throughput.py --device cuda [--only "pix2pix b16"]
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from diptych.data import open_dataset
from diptych.data.stream import stream
from diptych.machine.devices import choose
from diptych.machine.threads import SPINS
from diptych.networks.blocks import channels_last
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.loop import prepare
from diptych.training.processes import join
from diptych.training.setup.estimate import noise, peak

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._turns import Contestant, in_turn
from benchmarks.limits import training_work, yardsticks
from benchmarks.training_step import plain, timed

CASES = {
    "pix2pix b1": ("pix2pix", 1),
    "pix2pix b4": ("pix2pix", 4),
    "pix2pix b16": ("pix2pix", 16),
    "pix2pix b64": ("pix2pix", 64),
    "cyclegan b1": ("cyclegan", 1),
    "cyclegan b8": ("cyclegan", 8),
}
CONTESTANTS = ("reference", "reference, autocast", "ours")
PAIRS = 96  # on disk; more than a batch, and soon read
STEPS = {"cpu": 2, "cuda": 30}
WARM_UP = {"cpu": 2, "cuda": 600}
"""In which ours records its graph, libraries choose kernels, and nearly every picture is read."""


class Round(NamedTuple):
    """What one contestant did in one round."""

    milliseconds: float
    waited: float
    """Of these, for data."""
    peak: float


def recipe_of(system: str, batch: int, side: int, folder: Path, place: str, precision: str) -> Recipe:
    data = {"folder": str(folder), "load_size": round(side * 286 / 256), "crop_size": side}
    data |= {"task": "unpaired"} if system == "cyclegan" else {}
    training = {"steps": 10**6, "batch_size": batch, "precision": precision, "device": place}
    return Recipe.from_table({"system": system, "data": data, "training": training})


def draw_pairs(folder: Path, side: int) -> None:
    """Side-by-side JPEGs with the detail of photographs, more or less: noise on several scales."""
    rng = np.random.default_rng(0)
    for split, count in (("train", PAIRS), ("val", 1)):
        (folder / split).mkdir(parents=True)
        for number in range(count):
            picture = np.zeros((side, 2 * side, 3))
            for scale in (1, 4, 16):
                coarse = rng.normal(size=(side // scale, 2 * side // scale, 3)) * 8 * scale
                picture += coarse.repeat(scale, 0).repeat(scale, 1)
            pixels = np.clip(picture + 128, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / split / f"{number}.jpg", quality=90)


class Ours:
    """The loop's step on the loop's stream."""

    def __init__(self, recipe: Recipe) -> None:
        processes = join(recipe.training.device)
        dataset, self.trainer = prepare(open_dataset(recipe.data, "train", train=True), recipe, processes)
        self.batches: Iterator[Batch] = stream(dataset, recipe.training.batch_size, 0)
        self.count = 0
        self.waited = 0.0

    def step(self) -> None:
        self.waited += self.trainer.advance(self.batches, self.count, faults=0)["waited"]
        self.count += 1


class Reference:
    """The plain step, where wanted as autocast and channels-last make it faster."""

    def __init__(self, recipe: Recipe, autocast: bool) -> None:
        device = choose(recipe.training.device)
        self.device, self.autocast, self.waited = device, autocast, 0.0
        self.plain = plain(recipe, device)
        layout = torch.channels_last if autocast else torch.contiguous_format
        for network in vars(self.plain).values():
            if autocast and isinstance(network, torch.nn.Module):
                channels_last(network)
        self.batch = Batch(*(tensor.to(device, memory_format=layout) for tensor in noise(recipe)))

    def step(self) -> None:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            self.plain.step(self.batch)


def serve(pipe: Connection, contestant: str, recipe: Recipe) -> None:
    """One contestant in a process of its own: for every number received, that many steps are timed."""
    keep_freed_memory()
    device = choose(recipe.training.device)
    runner: Ours | Reference = Ours(recipe) if contestant == "ours" else Reference(recipe, "autocast" in contestant)
    while repeats := pipe.recv():
        before = runner.waited
        milliseconds = timed(runner.step, device, repeats)
        pipe.send(Round(milliseconds, (runner.waited - before) * 1000 / repeats, peak(device)))


def compete(recipes: dict[str, Recipe], rounds: int, kind: str) -> dict[str, list[Round]]:
    """What each contestant did, round by round."""
    contestants = [
        Contestant(serve, (name, recipe), SPINS if name == "ours" else {}) for name, recipe in recipes.items()
    ]
    columns = zip(*in_turn(contestants, rounds, STEPS[kind], WARM_UP[kind]), strict=True)
    return {name: list(column) for name, column in zip(recipes, columns, strict=True)}


def rows(name: str, batch: int, found: dict[str, list[Round]], operations: float, ceiling: float) -> list[list[str]]:
    """A row a contestant."""
    reference = [one.milliseconds for one in found["reference"]]
    table = []
    for contestant, results in found.items():
        times = [one.milliseconds for one in results]
        middle = statistics.median(times)
        ratios = [other / own for other, own in zip(reference, times, strict=True)]
        waited = sum(one.waited for one in results) / sum(times)
        table.append(
            [
                name,
                contestant,
                f"{middle:.2f}",
                f"{batch / middle * 1000:.1f}",
                f"{statistics.median(ratios):.2f}",
                f"{min(ratios):.2f} to {max(ratios):.2f}",
                f"{max(one.peak for one in results) / 2**20:.0f}",
                f"{100 * operations / (middle / 1000) / ceiling:.0f} %",
                f"{100 * waited:.1f} %" if contestant == "ours" else "",
            ]
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--only", default="", help="one of: " + ", ".join(CASES))
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print(
            "There is no GPU here; run this where there is one (or with --device cpu --side 64 to see that it works)."
        )
        return
    device = choose(arguments.device)
    run, amount = yardsticks(device)["bfloat16"]
    timed(run, device, 2)
    ceiling = max(amount * 1000 / timed(run, device, 5) for _ in range(3))
    head: list[Any] = [
        "case",
        "contestant",
        "ms",
        "pictures/s",
        "times the reference",
        "rounds",
        "peak MiB",
        "of bf16 rate",
        "waited",
    ]
    table = Table(
        *head, title=f"{arguments.side}x{arguments.side}, {device}, bfloat16 product {ceiling / 1e12:.2f} TFLOP/s"
    )
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        draw_pairs(folder, arguments.side)
        for name, (system, batch) in CASES.items():
            if arguments.only not in ("", name):
                continue
            precisions = {who: "auto" if who == "ours" else "float32" for who in CONTESTANTS}
            recipes = {
                who: recipe_of(system, batch, arguments.side, folder, arguments.device, precision)
                for who, precision in precisions.items()
            }
            work = training_work(recipes["ours"])
            operations = sum(product.operations for products in work.values() for product in products)
            for row in rows(name, batch, compete(recipes, arguments.rounds, device.type), operations, ceiling):
                table.add_row(*row)
            print(f"{name} done, {time.perf_counter() - began:.0f} s", flush=True)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
