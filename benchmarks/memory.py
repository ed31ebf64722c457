"""Memory of training: whether it grows, how much it is, and what checkpointing saves.

First pix2pix at 256x256, batch 1, over many steps: what a process holds, over what it held after the first ten. Then for several
recipes, each in a process of its own: the peak of a few steps on noise and of the checkpoint written after them, as `diptych data check`
measures it, with what checkpointing of activations leaves of it.

Usage: python benchmarks/memory.py [--steps 500] [--only pix2pix] [--device cuda]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from itertools import repeat
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from rich.console import Console
from rich.table import Table

from diptych import checkpoints
from diptych.networks.features import perceptual
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe, read
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.accelerate.cuda_graph import WARM_UP
from diptych.training.processes import join
from diptych.training.setup.estimate import full_step, noise, peak
from diptych.training.trainer import Trainer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._features import load_or_untrained
from benchmarks._turns import Compared

MIB = 2**20
REAL_STEPS = {"cpu": 3, "cuda": WARM_UP + 2}  # on a GPU with its graph


def at(side: int, batch: int = 1, precision: str = "auto", more: str = "") -> str:
    size = f"data.load_size={side} data.crop_size={side}"
    return f"{size} training.batch_size={batch} training.precision={precision} {more}"


BLOCKS = "training.checkpointing=blocks"
CASES = [
    ("pix2pix", at(256)),
    ("pix2pix", at(128, batch=8)),
    ("cyclegan", at(128)),
    ("travelgan-facades-small", ""),
    ("srgan-small", ""),
    ("inpainting-small", ""),
    ("spade-facades-small", ""),
    ("pix2pixhd-facades-small", ""),
    ("pix2pix", at(1024)),
    ("pix2pix", at(1024, more=BLOCKS)),
]
MORE = [
    ("pix2pix", at(256, precision="float32")),
    ("pix2pix", at(256, batch=8)),
    ("pix2pix", at(256, batch=8, precision="float32")),
    ("pix2pix", at(256, batch=8, more=BLOCKS)),
    ("pix2pix", at(1024, precision="float32")),
    ("pix2pix", at(1024, precision="float32", more=BLOCKS)),
    ("cyclegan", at(128, precision="float32")),
    ("cyclegan", at(128, more=BLOCKS)),
]


def held() -> float:
    """Bytes that this process holds now; where the system does not tell, its peak."""
    status = Path("/proc/self/statm")
    return (
        float(int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        if status.exists()
        else peak(torch.device("cpu"))
    )


def one(name: str, words: list[str], device: str) -> dict[str, float]:
    """In a process of its own: the peak of real steps, and with the checkpoint."""
    usual = ["data.folder=none", f"training.device={device}", "training.schedule=constant"]  # others have ended by then
    recipe = read(name, [*usual, *words])
    processes = join(device)
    keep_freed_memory()
    with patch.object(perceptual, "load", load_or_untrained):  # memory does not depend on the weights
        trainer = Trainer(recipe, processes, pictures=1000)
    batches = iter(lambda: noise(recipe), None)
    steps, first = REAL_STEPS[processes.device.type], full_step(trainer)
    for step in range(steps):
        trainer.advance(batches, first + step, faults=0)
    stepping = peak(processes.device)
    with tempfile.TemporaryDirectory() as folder:
        checkpoints.save(Path(folder) / "checkpoint.safetensors", trainer.state.tensors(), {"step": steps})
    return {"stepping": stepping / MIB, "peak": peak(processes.device) / MIB}


def answers(words: list[str], times: int) -> tuple[list[Any], str]:
    """What as many processes of this script as ``times`` say in their last lines, or the last line of one that failed."""
    command = [sys.executable, __file__, *words]
    done = [subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(times)]
    for one in done:
        if one.returncode:
            return [], (one.stderr.splitlines() or ["did not fit"])[-1][:60]
    return [json.loads(one.stdout.splitlines()[-1]) for one in done], ""


def peaks(cases: list[tuple[str, str]], times: int, device: str) -> Table:
    """The peak, case by case, each in as many processes as ``times``, one after the other."""
    columns = ["peak MiB", "of it steps", "least and greatest"]
    table = Table("recipe", "with", *columns, title="a few steps and a checkpoint")
    for name, words in cases:
        found, failure = answers(["--device", device, "--inside", name, *words.split()], times)
        if failure:
            table.add_row(name, words, "", "", failure)
            continue
        highest, stepping = (statistics.median(one[key] for one in found) for key in ("peak", "stepping"))
        span = " to ".join(f"{end(one['peak'] for one in found):.0f}" for end in (min, max))
        table.add_row(name, words, f"{highest:.0f}", f"{stepping:.0f}", span)
        print(f"{name} {words}: {highest:.0f}", file=sys.stderr)
    return table


def grown(steps: int, device: str) -> dict[str, list[float]]:
    """In a process of its own: by the number of steps done, what is held and the peak, in MiB."""
    keep_freed_memory()
    recipe = Recipe.from_table({"system": "pix2pix", "training": {"steps": steps, "device": device}})
    trainer = Trainer(recipe, join(device), pictures=400)
    generator = torch.Generator().manual_seed(0)
    batch = Batch(*(torch.rand(1, 3, 256, 256, generator=generator) * 2 - 1 for _ in range(2)))
    batches = repeat(batch)
    marks = {10, *(steps * part // 4 for part in range(1, 5))}
    found = {}
    for step in range(steps):
        trainer.advance(batches, step, faults=0)
        if step + 1 in marks:
            found[str(step + 1)] = [held() / MIB, peak(torch.device(device)) / MIB]
    return found


def growth(steps: int, times: int, device: str) -> Table:
    """What as many processes as ``times`` hold after many steps, and its ratio to the first mark's."""
    columns = ["held MiB", "median peak MiB", "held / after the first", "least and greatest"]
    table = Table("steps", *columns, title=f"pix2pix 256x256 batch 1, {times} processes one after the other")
    runs, failure = answers(["--device", device, "--steps", str(steps), "--grown"], times)
    if failure:
        table.add_row(failure)
        return table
    first, *_ = runs[0]
    for mark in runs[0]:
        compared = Compared.of([(found[first][0], found[mark][0]) for found in runs])
        highest = statistics.median(found[mark][1] for found in runs)
        table.add_row(mark, f"{compared.second:.0f}", f"{highest:.0f}", f"{compared.ratio:.3f}", compared.span)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500, help="of the first table; 0 leaves it out")
    parser.add_argument("--only", default="", help="a part of the recipes' names")
    parser.add_argument("--all", action="store_true", help="of the second table also what is measured now and then")
    parser.add_argument("--times", type=int, default=2, help="processes of each case")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--inside", nargs="+", help="for the process of one case: a recipe and its overrides")
    parser.add_argument("--grown", action="store_true", help="for a process of the first table")
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("There is no GPU here; run this where there is one.")
        return
    if arguments.inside:
        name, *words = arguments.inside
        print(json.dumps(one(name, words, arguments.device)))
        return
    if arguments.grown:
        print(json.dumps(grown(arguments.steps, arguments.device)))
        return
    console = Console(width=150)
    cases = [case for case in (CASES + MORE if arguments.all else CASES) if arguments.only in case[0]]
    if arguments.steps:
        console.print(growth(arguments.steps, arguments.times, arguments.device))
    console.print(peaks(cases, arguments.times, arguments.device))


if __name__ == "__main__":
    main()
