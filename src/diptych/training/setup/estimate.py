"""Memory and time that a recipe takes on this machine, measured on a few real steps on noise.

The steps are made in a process of their own, which may take no more memory than is free. A recipe that does not fit ends that
process, and nothing else on the machine.
"""

import re
import signal
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch

from diptych import checkpoints
from diptych.data import open_dataset, resident
from diptych.data.settings import as_size
from diptych.errors import DiptychError
from diptych.machine.devices import choose, free_bytes, limit_memory
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.registry import import_code, imported
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.accelerate.cuda_graph import WARM_UP
from diptych.training.processes import join
from diptych.training.trainer import Trainer

STEPS = {"cpu": 4, "mps": 4, "cuda": WARM_UP + 4}  # a GPU records its graph in them
GIB = 2**30


class Measured(NamedTuple):
    """What a process that trained held at the highest, saving included, and its fastest step."""

    bytes: float
    seconds: float


def estimate(recipe: Recipe) -> str:
    """A sentence with the peak memory and the time for a thousand steps, or what to change where the recipe does not fit.

    Raises:
        DiptychError: where the recipe cannot be trained for another reason.
    """
    device = choose(recipe.training.device)
    free = free_bytes(device)
    staying = resident_bytes(recipe, device, free)
    where = f"{recipe.name} on this machine ({device})"
    pictures = f"{staying / GIB:.2g} GiB for pictures that stay on the device (data.resident)" if staying else ""
    found = measured(recipe, free - staying)
    if isinstance(found, str):
        return (
            f"{where}: only {free / GIB:.1f} GiB are free, and no step could be made in them"
            + (f" beside {pictures}" if staying else "")
            + (f" ({found})" if found else "")
            + ". Lower training.batch_size or data.crop_size, or set training.checkpointing=blocks"
            + (" or data.resident=off." if staying else ".")
        )
    return (
        f"{where}: {found.bytes / GIB:.1f} GiB of memory at the highest, "
        f"up to {recipe.data.cache_gib:g} GiB more for decoded pictures (data.cache_gib)"
        + (f" and {pictures}" if staying else "")
        + f", and, as busy as it is now, {1000 * found.seconds / 60:.0f} minutes for a thousand steps."
    )


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


def measured(recipe: Recipe, room: float) -> Measured | str:
    """In a process that takes at most ``room`` bytes, what training takes; or why it ended, "" where that was for memory alone.

    Raises:
        DiptychError: as training would.
    """
    processes = get_context("spawn")  # a fork would inherit threads of torch's that are not there
    receiving, sending = processes.Pipe(duplex=False)
    process = processes.Process(target=measure, args=(sending, recipe, room, imported()), daemon=True)
    process.start()
    sending.close()
    found: Measured | DiptychError | str = ""
    with suppress(EOFError):
        found = receiving.recv()
    process.join()
    if isinstance(found, DiptychError):
        raise found
    return found


def measure(answer: Connection, recipe: Recipe, room: float, imports: list[str]) -> None:
    """The whole of that process; ``imports`` are what the command imported."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the one that waits for it
    keep_freed_memory()
    try:
        for word in imports:
            import_code(word)
        if choose(recipe.training.device).type == "cpu":
            limit_memory(room)
        answer.send(train_a_little(recipe))
    except DiptychError as problem:
        answer.send(problem)
    except (MemoryError, RuntimeError) as problem:
        words = str(problem).partition("\n")[0]
        answer.send("" if "memory" in words.lower() else words)


def train_a_little(recipe: Recipe) -> Measured:
    """A few steps from where all of the system is trained, and a checkpoint."""
    processes = join(recipe.training.device)
    trainer = Trainer(recipe.replace(schedule="constant"), processes, pictures=1000)  # others may have ended by then
    first = full_step(trainer)
    batches = iter(lambda: noise(recipe), None)
    times = []
    for step in range(first, first + STEPS[processes.device.type]):
        began = time.perf_counter()
        trainer.advance(batches, step, faults=0).look()
        times.append(time.perf_counter() - began)
    with tempfile.TemporaryDirectory() as folder:
        checkpoints.save(Path(folder) / "checkpoint.safetensors", trainer.state.tensors(), {"step": 0})
    return Measured(peak(processes.device), min(times))


def full_step(trainer: Trainer) -> int:
    """The first step in which all of the system is trained."""
    return max(trainer.state.system.phase_steps, default=0)


def noise(recipe: Recipe) -> Batch:
    """A batch of the shapes and value ranges that the recipe's data has."""
    data, count = recipe.data, recipe.training.batch_size
    height, width = as_size(data.crop_size)
    target = torch.rand(count, data.target.network_channels, height, width) * 2 - 1
    shape = (count, data.source.network_channels, height // data.scale, width // data.scale)
    if data.source.colour == "labels":
        return Batch(torch.randint(0, data.source.classes, shape, dtype=torch.int32), target)
    return Batch(torch.rand(shape) * 2 - 1, target)


def peak(device: torch.device) -> float:
    """Bytes at the highest: of tensors on an NVIDIA GPU, else of this process."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")  # Linux; what getrusage says there may be the parent process's
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text(errors="replace"))):
        return float(found[1]) * 1024
    if sys.platform == "win32":
        return 0.0  # the system does not tell
    import resource  # there is none on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
