"""What a library reads in the process's environment when it is loaded, chosen before torch is. What the user has set stands."""

import math
import os
from dataclasses import dataclass

SHARING = ("serve", "--ray")
"""Words of commands whose threads have company of their own making: those who ask a service, or workers beside each other."""
BUSY = 0.5  # programs that want a core, on average of the last minute

ASLEEP = {"OMP_WAIT_POLICY": "passive"}
"""Threads that wait for each other sleep."""
SPINNING = {"GOMP_SPINCOUNT": "3000"}
"""They look some microseconds long before they do: faster if they have the cores for themselves, slower if not, since then they
hold the core of those that they wait for (docs/decisions.md, 44 and 59)."""


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
    for name, value in ALONE.items():
        os.environ.setdefault(name, value)
    if not any(name in os.environ for name in ASLEEP | SPINNING):
        shares = any(word.partition("=")[0] in SHARING for word in words)
        os.environ.update(SPINNING if load() < BUSY and not shares else ASLEEP)


def load() -> float:
    """Programs that want a core; where the system does not say, many."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return math.inf
