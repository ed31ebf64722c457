"""The exceptions that a user is meant to read."""

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DiptychError(Exception):
    """A failure with an explanation: one clear sentence that names the file or key and the remedy.

    The command line prints it and ends with exit code 1. Nothing has been lost.
    """


class UsageError(DiptychError):
    """A wrong word in a command or a recipe (exit code 2): an unknown key, a wrong type, an impossible value."""


class NoSpaceError(DiptychError):
    """The disk is full, so all other files of the job would fail too."""


@contextmanager
def of_users_code(what: str) -> Iterator[None]:
    """Within, a failure of users' own code becomes one sentence: what failed, how and where. In Python the failure is its cause.

    Raises:
        DiptychError: naming ``what``, and the line.
    """
    try:
        yield
    except DiptychError:
        raise
    except Exception as problem:
        if out_of_memory(problem):
            raise
        frames = traceback.extract_tb(problem.__traceback__)
        ours = str(Path(__file__).parent)
        own = [one for one in frames if not one.filename.startswith(ours) and "site-packages" not in one.filename]
        place = (own or frames)[-1]
        words = str(problem).partition("\n")[0]
        raise DiptychError(
            f"{what} failed: {type(problem).__name__}: {words} ({Path(place.filename).name}, line {place.lineno}); correct it."
        ) from problem


def disk_full(problem: BaseException) -> bool:
    """Whether an exception says that a disk, or a user's share of it, is full."""
    return isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT)


def file_limit(problem: BaseException) -> bool:
    """Whether an exception says that a file may not become so large."""
    return isinstance(problem, OSError) and problem.errno == errno.EFBIG


def write_error(
    place: object, problem: OSError, remedy: str = "name another place that can be written to"
) -> DiptychError:
    """Why ``place`` could not be written, and a remedy: to make room where the disk is full, to raise a limit that is in force."""
    message = f"{place} cannot be written: {reason_of(problem)}; {remedy_for(problem, remedy)}."
    return NoSpaceError(message) if disk_full(problem) else DiptychError(message)


def remedy_for(problem: BaseException, remedy: str) -> str:
    """What helps against an error of writing: ``remedy``, and before it what the error itself asks for."""
    if file_limit(problem):
        return "a limit on the size of files is in force (ulimit -f, a quota, or the file system's own), so raise it"
    return f"make room, or {remedy}" if disk_full(problem) else remedy


def reason_of(problem: OSError) -> str:
    """Why a place cannot be written, in a few words."""
    if isinstance(problem, FileExistsError | NotADirectoryError):
        return "there is a file where a folder is needed"
    return problem.strerror or str(problem)


def out_of_memory(problem: BaseException) -> bool:
    """Whether an exception says that memory has run out: Python's own, and torch's for processors and GPUs."""
    messages = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")
    known = isinstance(problem, RuntimeError) and any(message in str(problem) for message in messages)
    return known or isinstance(problem, MemoryError)


def too_small(problem: BaseException) -> bool:
    """Whether a layer got a map smaller than its kernel or its reflection padding, in the words of torch or a runtime."""
    messages = (
        "Kernel size can't be greater",
        "Padding size should be less",
        "Pad reflect requires",
        "REFLECT padding mode requires",
    )
    return any(message in str(problem) for message in messages)
