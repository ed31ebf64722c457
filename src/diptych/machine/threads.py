"""Environment variables that libraries read when they are loaded; set before torch is imported. What the user has set stands.

The command alone decides how OpenMP threads wait for each other. They spin for some microseconds, then block. Where nothing else
runs, a training step is 1.1 to 1.3 times as fast as with blocking at once, and judging 1.5 times. `serve` shares the cores with its
clients and `--ray` with its workers, so there threads block at once. Beside other programs that compute, set
OMP_WAIT_POLICY=passive, which gains as much (`benchmarks/waiting.py`).
"""

import os
import sys
from dataclasses import dataclass

SHARING = ("serve", "--ray")
"""Commands and options whose work shares the cores with other work."""

SPINS = {"GOMP_SPINCOUNT": "3000"}
BLOCKS = {"OMP_WAIT_POLICY": "passive"}
ALONE = {"OPENCV_FOR_THREADS_NUM": "1"}
"""OpenCV is called from reading threads, which are enough."""


def usable_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@dataclass
class Process:
    """This one."""

    ours: bool = False
    """Whether it is the command line's, so that what libraries have once for a whole process is ours to set."""


PROCESS = Process()


def prepare(words: list[str]) -> None:
    """For the command line ``words``."""
    PROCESS.ours = True
    shares = any(word.partition("=")[0] in SHARING for word in words)
    chosen = any(name in os.environ for name in SPINS | BLOCKS)
    for name, value in (ALONE if chosen else ALONE | (BLOCKS if shares else SPINS)).items():
        os.environ.setdefault(name, value)
