"""Memory that a step frees is kept for the next step instead of being handed back to the system."""

import ctypes
import platform

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # names of glibc's mallopt parameters
MIB = 2**20


def keep_freed_memory() -> bool:
    """Tell glibc's malloc to serve large blocks from the heap and not to trim it; True where that could be said.

    By default every large tensor is mapped anew in each step, and the page faults cost a fifth of a training step on a CPU
    (BENCHMARKS.md). Without glibc nothing happens.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    wishes = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 64 * MIB}
    return all(library.mallopt(name, value) for name, value in wishes.items())
