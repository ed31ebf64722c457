"""Several processes of one run, as torchrun starts them. With one process everything here does nothing."""

import contextlib
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from diptych import __version__
from diptych.errors import DiptychError, UsageError
from diptych.machine.devices import choose
from diptych.recipe import TrainingSettings

TIMEOUT = timedelta(hours=12)
"""How long processes wait for one that works alone: checking a large data set, training a segmenter, metrics over a whole split.
The libraries' own half hour or ten minutes would end a healthy run. A process that has ended is noticed at once."""


@dataclass(frozen=True)
class Processes:
    """This process's place among those of the run, and its device."""

    rank: int
    size: int
    device: torch.device
    stop_request: Tensor = field(init=False, repr=False, compare=False)
    """Whether this process was asked to stop, 0 or 1. It is averaged along with the gradients, so no step waits for it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop_request", torch.zeros((), device=self.device))

    @property
    def leads(self) -> bool:
        """True in the one process that writes."""
        return self.rank == 0

    @torch.no_grad()
    def average(self, flat: Tensor) -> Callable[[], None]:
        """Begin to replace a row of numbers by its mean over the processes; what is returned waits for that.

        All processes call this in the same order, and for rows of the same length.
        """
        work = dist.all_reduce(flat, async_op=True)

        def finish() -> None:
            work.wait()
            flat.div_(self.size)

        return finish

    def request_stop(self, stop: bool) -> None:
        """Send along with the next gradients whether this process was asked to stop."""
        if self.size > 1:
            self.stop_request.fill_(float(stop))

    def any_process(self, flag: bool) -> bool:
        """True in every process when it is true in any.

        Where a process works alone (validation, metrics, checks of the data) the others wait for it here.
        """
        return self.maxima(int(flag)) == [1]

    def maxima(self, *numbers: int) -> list[int]:
        """Of each number the largest that any process gives.

        On the processor: gloo notices at once when a process has ended, NCCL only when its time is up.
        """
        if self.size == 1:
            return list(numbers)
        found = torch.tensor(numbers)
        dist.all_reduce(found, op=dist.ReduceOp.MAX)
        return [int(number) for number in found.tolist()]

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """In the process that leads, what each gives, by rank, on the processor; nothing in the others. All take part."""
        tensor = tensor.cpu().contiguous()
        found = [torch.empty_like(tensor) for _ in range(self.size)] if self.leads else None
        dist.gather(tensor, found)
        return found or []

    @contextlib.contextmanager
    def explaining(self, saved: Callable[[], str]) -> Iterator[None]:
        """Within, the end of another process, which torch tells in words of its own, is one sentence; it ends with ``saved()``."""
        try:
            yield
        except RuntimeError as problem:
            if self.size == 1 or not (isinstance(problem, dist.DistError) or "gloo" in str(problem).lower()):
                raise
            raise DiptychError(f"another process of this run has ended or does not answer; {saved()}.") from None

    def wait(self) -> None:
        """Until every process has come here."""
        self.any_process(False)

    def close(self) -> None:
        """Leave the group; not after an error, when other processes may have ended and would not answer."""
        if self.size > 1 and dist.is_initialized() and sys.exc_info()[0] is None:
            dist.destroy_process_group()


def join(device: str) -> Processes:
    """Join the processes that torchrun started, or be the only one.

    Raises:
        UsageError: for a device that is not there, or processes that do not come together.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = choose(device)
    if size > 1:
        if chosen.type == "cuda" and chosen.index is None:
            chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(chosen)
        if not dist.is_initialized():
            backends = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
            try:
                dist.init_process_group(backends, timeout=TIMEOUT)
            except (RuntimeError, ValueError) as problem:
                why = str(problem).partition("\n")[0]
                raise UsageError(
                    f"WORLD_SIZE is {size}, and {size} processes did not come together ({why}); start them with torchrun."
                ) from None
    return Processes(rank, size, chosen)


def make_deterministic() -> None:
    """Have GPUs use kernels that repeat bitwise; an operation that has none raises an error. CPUs repeat anyway."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


@contextlib.contextmanager
def deterministic_kernels() -> Iterator[None]:
    """Within, an operation of which ``make_deterministic`` found no kernel is named.

    Raises:
        DiptychError: in the place of torch's error.
    """
    try:
        yield
    except RuntimeError as problem:
        operation, unknown, _ = str(problem).partition(" does not have a deterministic implementation")
        if not unknown:
            raise
        raise DiptychError(
            f"training.deterministic is true, and {operation} has no kernel on this device that repeats bitwise; "
            f"set training.deterministic=false, or change the option that brings it in."
        ) from problem


@contextlib.contextmanager
def benchmarked_kernels() -> Iterator[None]:
    """Within, GPUs try which of their convolutions is the fastest for each shape, the first time that it is met.

    Not for validation, where every picture may have a shape of its own.
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def precision_of(settings: TrainingSettings, device: torch.device) -> str:
    """In what products are computed: "float32", "tf32" or "bfloat16".

    Raises:
        UsageError: for TF32 where no NVIDIA GPU trains.
    """
    if settings.precision == "tf32" and device.type != "cuda":
        raise UsageError(
            f"training.precision is tf32, which NVIDIA GPUs have, and the device is {device.type}; "
            f"set training.precision=float32 or bfloat16."
        )
    return fast_precision(device) if settings.precision == "auto" else settings.precision


def fast_precision(device: torch.device) -> str:
    """What "auto" means: bfloat16 where the hardware multiplies it natively, else float32."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return "bfloat16" if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else "float32"
    return "float32"


def conditions(settings: TrainingSettings, processes: Processes) -> dict[str, int | str]:
    """What decides, beside the recipe, to which bits a step comes."""
    return {
        "threads": torch.get_num_threads(),
        "processes": processes.size,
        "device": processes.device.type,
        "precision": precision_of(settings, processes.device),
    }


def environment(processes: Processes) -> dict[str, str]:
    """With what a run is trained; no name of a machine or a person."""
    device = processes.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return {
        "diptych": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": f"{device.type} ({name})",
        "processes": str(processes.size),
        "threads": str(torch.get_num_threads()),
        "cores": str(os.cpu_count()),
    }


def processor() -> str:
    """The processor's name where the system tells it, else its family."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
