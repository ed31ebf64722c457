"""What a recipe will take on this machine: memory computed on rehearsed steps, time measured on a few real ones."""

import os
import re
import sys
import time
from pathlib import Path

import torch

from diptych.data import open_dataset, resident
from diptych.data.settings import as_size
from diptych.errors import DiptychError
from diptych.machine.devices import free_bytes
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.accelerate.cuda_graph import WARM_UP
from diptych.training.accelerate.rehearsal import live_peak
from diptych.training.processes import Processes, join
from diptych.training.step import Trainer

STEPS = {"cpu": 4, "mps": 4, "cuda": WARM_UP + 4}  # a GPU records its graph in them
GIB = 2**30
BESIDE = {"cpu": 1.22, "cuda": 1.05}
"""What a process holds for each byte of live tensors: kernels take room of their own, and an allocator has gaps. Measured
(benchmarks/memory.py)."""

SAVING = 1.11
"""The same while a checkpoint is written, when there are no gradients and nothing is kept for backward."""


def estimate(recipe: Recipe) -> str:
    """A sentence with the peak memory, and where that is at hand the time for a thousand steps, from a few on noise."""
    processes = join(recipe.training.device)
    needed, free = footprint(recipe, processes), free_bytes(processes.device)
    staying = resident_bytes(recipe, processes.device, free)
    memory = (
        f"{recipe.name} on this machine ({processes.device}): about {needed / GIB:.1f} GiB of memory, "
        f"up to {recipe.data.cache_gib:g} GiB more for decoded pictures (data.cache_gib)"
        + (f" and {staying / GIB:.2g} GiB for pictures that stay on the device (data.resident)" if staying else "")
    )
    if needed + staying > free:
        less = " or data.resident=off" if staying else ""
        return (
            f"{memory}; only {free / GIB:.1f} GiB are free, so no step was timed. Lower training.batch_size or data.crop_size, "
            f"or set training.checkpointing=blocks{less}."
        )
    return f"{memory}, and, as busy as it is now, {1000 * seconds_a_step(recipe, processes) / 60:.0f} minutes for a thousand steps."


def resident_bytes(recipe: Recipe, device: torch.device, free: float) -> int:
    """Of pictures that will stay on the device; 0 where none do, or where there are none to be found.

    Raises:
        UsageError: for data.resident=on where it is not possible.
    """
    if recipe.data.resident == "off":
        return 0
    try:
        dataset = open_dataset(recipe.data, "train", train=True)
    except DiptychError:
        return 0  # what is wrong with them is the check's to say
    if not resident.fits(dataset, recipe.data, device, free, recipe.data.resident):
        return 0
    return resident.bytes_needed(dataset, recipe.data)


def footprint(recipe: Recipe, processes: Processes) -> float:
    """Bytes that training holds at the highest, without decoded pictures; nothing of that size is allocated to find out."""
    live, stays = live_peak(recipe, processes, noise)
    kind = processes.device.type
    if kind != "cpu":
        return live * BESIDE.get(kind, 1.0)
    saved = stays if recipe.training.channels_last else 0  # a checkpoint is written from copies in the files' layout
    return held() + max(live * BESIDE[kind], (stays + saved) * SAVING)


def seconds_a_step(recipe: Recipe, processes: Processes) -> float:
    """The fastest of a few real steps on noise."""
    keep_freed_memory()
    trainer = Trainer(recipe, processes, pictures=1000)
    batches = iter(lambda: noise(recipe), None)
    times = []
    for step in range(STEPS[processes.device.type]):
        began = time.perf_counter()
        trainer.advance(batches, step, faults=0).look()
        times.append(time.perf_counter() - began)
    return min(times)


def noise(recipe: Recipe) -> Batch:
    """A batch of the shapes and value ranges that the recipe's data has."""
    data, count = recipe.data, recipe.training.batch_size
    height, width = as_size(data.crop_size)
    target = torch.rand(count, data.target.network_channels, height, width) * 2 - 1
    shape = (count, data.source.network_channels, height // data.scale, width // data.scale)
    if data.source.colour == "labels":
        return Batch(torch.randint(0, data.source.classes, shape, dtype=torch.int32), target)
    return Batch(torch.rand(shape) * 2 - 1, target)


def peak() -> float:
    """Bytes at the highest, on the GPU where one is used, else of this process."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status")  # Linux; what getrusage says there may be the parent process's
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text(errors="replace"))):
        return float(found[1]) * 1024
    if sys.platform == "win32":
        return 0.0  # the system does not tell
    import resource  # there is none on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def held() -> float:
    """Bytes that this process holds now; where the system does not tell, its peak."""
    status = Path("/proc/self/statm")
    return float(int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")) if status.exists() else peak()
