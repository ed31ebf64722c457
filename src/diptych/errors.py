"""The exceptions that a user is meant to read."""

import errno


class DiptychError(Exception):
    """A failure that is explained: its text is one clear sentence that names the file or key and the remedy.

    The command line prints the text and ends with exit code 1; nothing has been lost when it is raised.
    """


class UsageError(DiptychError):
    """A wrong word in a command or a recipe (exit code 2): an unknown key, a wrong type, an impossible value."""


class NoSpaceError(DiptychError):
    """The disk is full, which no other file of the same job will escape."""


def disk_full(problem: BaseException) -> bool:
    """Whether an exception says that a disk, or a user's share of it, is full."""
    return isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT)


def unwritten(
    place: object, problem: OSError, remedy: str = "name another place that can be written to"
) -> DiptychError:
    """Why ``place`` could not be written, and what to do: to make room is said only where there is none."""
    room = disk_full(problem)
    words = f"{place} cannot be written: {problem.strerror or problem}; {'make room, or ' if room else ''}{remedy}."
    return NoSpaceError(words) if room else DiptychError(words)


def out_of_memory(problem: BaseException) -> bool:
    """Whether an exception says that memory has run out: Python's own, and torch's for processors and GPUs."""
    words = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")
    return isinstance(problem, MemoryError) or (
        isinstance(problem, RuntimeError) and any(part in str(problem) for part in words)
    )


def too_small(problem: BaseException) -> bool:
    """Whether a layer was given a map smaller than its kernel or its reflected border, which every engine says in its own words."""
    words = str(problem)
    torchs = "Kernel size can't be greater" in words or "Padding size should be less" in words
    return torchs or "Pad reflect requires" in words or "REFLECT padding mode requires" in words
