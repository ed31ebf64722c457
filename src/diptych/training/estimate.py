"""What a recipe will take on this machine: measured on a few real steps, not computed."""

import sys
import time
from pathlib import Path

import torch

from diptych.data.settings import as_size
from diptych.images import Batch
from diptych.recipe import Recipe
from diptych.training.loop import Trainer
from diptych.training.memory import keep_freed_memory
from diptych.training.processes import join

STEPS = 4
GIB = 2**30


def estimate(recipe: Recipe) -> str:
    """A sentence with the peak memory and the time for a thousand steps, from a few steps on noise."""
    keep_freed_memory()
    processes = join(recipe.training.device)
    trainer = Trainer(recipe, processes, pictures=1000)
    batches = iter(lambda: noise(recipe), None)
    times = []
    for step in range(STEPS):
        began = time.perf_counter()
        trainer.advance(batches, step, faults=0)
        times.append(time.perf_counter() - began)
    seconds = min(times) * 1000
    return (
        f"{recipe.name} on this machine ({processes.device}), as busy as it is now: about {peak() / GIB:.1f} GiB of memory, "
        f"up to {recipe.data.cache_gib:g} GiB more for decoded pictures (data.cache_gib), and {seconds / 60:.0f} minutes for a "
        f"thousand steps."
    )


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
    if sys.platform == "win32":
        return 0.0  # the system does not tell
    import resource  # there is none on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def held() -> float:
    """Bytes that this process holds now; where the system does not tell, its peak."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * 4096.0 if status.exists() else peak()
