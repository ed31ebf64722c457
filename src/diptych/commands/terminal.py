"""Standard output and error of a command: printing never stops the work, and file names cannot control the terminal."""

import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from diptych.errors import DiptychError, disk_full, file_limit, write_error

if TYPE_CHECKING:
    from rich.console import Console

MIN_COLUMNS = 40
"""Of help; tables in fewer take for ever."""
ERASE_LINE = "\r\033[K"
"""The beginning of a progress line."""
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that change the direction of text, and bytes of file names that are no UTF-8."""


def printable(text: str) -> str:
    """``text`` with control characters escaped, such as \\x1b; line ends and tabs stay.

    A file name may hold an escape sequence, which a terminal would execute.
    """
    return UNPRINTABLE.sub(escape, text)


def escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else ascii(found[0])[1:-1]


class Terminal(io.TextIOBase):
    """Wraps a standard stream, of which there may be none.

    Characters outside of its encoding are escaped. Once writing fails (the terminal is closed, the reader has gone, the disk is
    full), everything is dropped. ``buffer`` is the stream's own, for results: writing there still raises.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.lost = stream is None or stream.closed
        self.problem: OSError | None = None
        """Why it takes no more, where that is a full disk or a limit, and not the reader's leave."""
        self.styled = False
        """Whether escape sequences pass, which is for our own help alone."""
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)  # progress, also into a pipe

    def write(self, text: str) -> int:
        if self.stream is not None and not self.lost:
            try:
                self.stream.write(text if self.styled else ERASE_LINE.join(map(printable, text.split(ERASE_LINE))))
            except OSError as problem:
                self.lose(problem)
        return len(text)

    def flush(self) -> None:
        if self.stream is not None and not self.lost:
            try:
                self.stream.flush()
            except OSError as problem:
                self.lose(problem)

    def lose(self, problem: OSError) -> None:
        """Nobody reads any more; the stream's buffer must not fail when Python ends."""
        self.lost, self.problem = True, problem if disk_full(problem) or file_limit(problem) else None
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return self.stream is not None and not self.lost and self.stream.isatty()
        return False

    def fileno(self) -> int:
        if self.stream is None:
            raise io.UnsupportedOperation("fileno")
        return self.stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the class has an attribute
        return getattr(self.stream, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> Any:
        """The stream for results in bytes.

        Raises:
            OSError: when the process has no such stream.
        """
        if self.stream is None:
            raise OSError("standard output is closed")
        return self.stream.buffer


@contextmanager
def result_output() -> Iterator[Any]:
    """Standard output for a result in bytes.

    Raises:
        BrokenPipeError: when its reader has gone.
        DiptychError: when it takes no more.
    """
    try:
        stream = sys.stdout.buffer  # before any work
        result = io.BytesIO()
        yield result
        rest = result.getbuffer()
        while rest:  # an unbuffered stream (PYTHONUNBUFFERED) takes what there is room for, and says nothing
            rest = rest[stream.write(rest) :]
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as problem:
        if isinstance(sys.stdout, Terminal):
            sys.stdout.lose(problem)
        raise output_error(problem) from None


def output_error(problem: OSError) -> DiptychError:
    """Standard output took no more, so what it holds is cut off."""
    return write_error("standard output", problem, "send it elsewhere")


def protect_output() -> None:
    """Send every ``print`` of this process through :class:`Terminal`."""
    if not isinstance(sys.stdout, Terminal):
        sys.stdout = Terminal(sys.stdout)
    if not isinstance(sys.stderr, Terminal):
        sys.stderr = Terminal(sys.stderr)


def quieten() -> None:
    """Hide warnings and logs of other libraries, which are for developers.

    Python's warnings stay where the user asks for them, by -W or PYTHONWARNINGS.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())  # else Python prints logs without a handler


def help_console() -> "Console":
    """The console of help, which may have colours: its text is all ours."""
    from rich.console import Console

    if isinstance(sys.stdout, Terminal):
        sys.stdout.styled = True
    console = Console(file=sys.stdout)
    console.width = max(console.width, MIN_COLUMNS)
    return console
