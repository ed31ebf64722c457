"""What a library reads in the process's environment when it is loaded, chosen before torch is. What the user has set stands."""

import math
import os

SHARING = ("serve", "--ray")
"""Words of commands whose threads have company of their own making: those who ask a service, or workers beside each other."""
BUSY = 0.5  # programs that want a core, on average of the last minute

ASLEEP = {"OMP_WAIT_POLICY": "passive"}
"""Threads that wait for each other sleep."""
SPINNING = {"GOMP_SPINCOUNT": "3000"}
"""They look some microseconds long before they do: faster if they have the cores for themselves, slower if not, since then they
hold the core of those that they wait for (docs/decisions.md, 44 and 59)."""


def prepare(words: list[str]) -> None:
    """For the command line ``words``."""
    if not any(name in os.environ for name in ASLEEP | SPINNING):
        shares = any(word.partition("=")[0] in SHARING for word in words)
        os.environ.update(SPINNING if load() < BUSY and not shares else ASLEEP)


def load() -> float:
    """Programs that want a core; where the system does not say, many."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return math.inf
