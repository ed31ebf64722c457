"""Which device work runs on, how products are rounded there, and what memory is free."""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition, get_ident
from typing import Any

import torch

from diptych.errors import UsageError


def choose(device: str, key: str = "training.device") -> torch.device:
    """The device of that name; "auto" is the fastest at hand: an NVIDIA GPU, a Mac's, or the processor.

    Raises:
        UsageError: for one that is not there; ``key`` is what the sentence calls it.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError):
        raise UsageError(f'{key} is "{device}", which is not to be had here; write "auto" or "cpu".') from None
    return chosen


class Products:
    """How NVIDIA GPUs multiply float32, which torch keeps once for a process: threads that want the same share it, others wait."""

    def __init__(self) -> None:
        self.places: list[Any] = [torch.backends.cudnn, torch.backends.cuda.matmul]
        self.changed = Condition()
        self.users: dict[int, bool] = {}
        """By thread, whether it multiplies in TF32. One that waits multiplies nothing, and keeps nobody waiting."""
        self.found: list[bool] = []
        """How the program had it before the first user."""

    def use(self, tf32: bool | None) -> bool | None:
        """From now on this thread multiplies so; with None no more. What it did before is given back."""
        with self.changed:
            before = self.users.pop(get_ident(), None)
            self.changed.notify_all()
            if tf32 is not None:
                self.changed.wait_for(lambda: all(other == tf32 for other in self.users.values()))
                self.found = self.found or [place.allow_tf32 for place in self.places]
                self.users[get_ident()] = tf32
            elif self.users:
                return before
            for place, known in zip(self.places, self.found, strict=True):
                place.allow_tf32 = known if tf32 is None else tf32
            self.found = self.found if self.users else []
        return before


PRODUCTS = Products()


@contextmanager
def matmul_precision(precision: str, device: torch.device) -> Iterator[None]:
    """Within, NVIDIA GPUs multiply what is float32 as it is, or for "tf32" with ten bits of its mantissas.

    Left alone, torch takes TF32 for convolutions and not for matrix products, so "float32" would be neither.
    """
    if device.type != "cuda":
        yield
        return
    before = PRODUCTS.use(precision == "tf32")
    try:
        yield
    finally:
        PRODUCTS.use(before)


CONTAINER = Path("/sys/fs/cgroup")


def free_bytes(device: torch.device) -> float:
    """Memory that can still be had: the machine's, or what a container leaves of it; infinite where the system does not tell."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    found = [machine_bytes("MemAvailable")]
    with suppress(OSError, ValueError, KeyError):  # "max" where there is no bound
        facts = dict(line.split() for line in (CONTAINER / "memory.stat").read_text().splitlines())
        bound, used = (int((CONTAINER / f"memory.{name}").read_text()) for name in ("max", "current"))
        found.append(float(bound - used + int(facts["inactive_file"])))  # what is cached of files makes room when asked
    return max(0.0, min(found))


def machine_bytes(what: str) -> float:
    """What Linux tells of the machine's memory, such as "MemTotal"; infinite where it does not tell."""
    with suppress(OSError, ValueError, IndexError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024.0 for line in lines if line.startswith(f"{what}:"))
    return math.inf


def total_bytes(device: torch.device) -> float:
    """Memory that there is: the GPU's, the machine's, or what a container may have of it; infinite where the system does not tell."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    found = [machine_bytes("MemTotal")]
    with suppress(OSError, ValueError):  # "max" where there is no bound
        found.append(float((CONTAINER / "memory.max").read_text()))
    return min(found)


def limit_memory(more: float) -> None:
    """Have this process fail when it takes more bytes than now, instead of the machine running out; on Linux, elsewhere nothing."""
    if sys.platform != "linux" or math.isinf(more):
        return
    import resource

    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
    used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + int(more), resource.getrlimit(resource.RLIMIT_DATA)[1]))
