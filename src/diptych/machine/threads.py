"""What a library reads in the process's environment when it is loaded, chosen before torch is. What the user has set stands.

How threads that wait for each other do so is decided by the command alone. They spin for some microseconds and then block, which makes
a training step 1.1 to 1.3 times as fast as blocking at once, and judging 1.5 times, where nothing else runs. They block at once in
commands that share the cores by their nature: `serve` with its clients, `--ray` with its workers. Who trains beside other programs that
compute gains as much by setting OMP_WAIT_POLICY=passive (docs/decisions.md, 44 and 59; `benchmarks/waiting.py`).
"""

import os
from dataclasses import dataclass

SHARING = ("serve", "--ray")
"""Commands and options whose work shares the cores with other work."""

SPINS = {"GOMP_SPINCOUNT": "3000"}
BLOCKS = {"OMP_WAIT_POLICY": "passive"}
ALONE = {"OPENCV_FOR_THREADS_NUM": "1"}
"""OpenCV is called from reading threads, which are enough."""


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
