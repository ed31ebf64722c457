"""Keep what a step frees for the next step, instead of handing it back to the system and asking for it again."""

import ctypes
import platform

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # names of glibc's mallopt parameters
MIB = 2**20


def keep_freed_memory() -> bool:
    """Tell glibc's malloc to serve large blocks from the heap and not to trim it; True where that could be said.

    By default every large tensor is mapped afresh and its pages are faulted in at each step, which costs a fifth of a
    training step on a CPU (BENCHMARKS.md). Elsewhere than on glibc nothing happens.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    wishes = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 64 * MIB}
    return all(library.mallopt(name, value) for name, value in wishes.items())
