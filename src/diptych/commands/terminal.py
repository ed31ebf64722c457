"""Standard output and error for a command: printing never stops the work, and no file name is obeyed by the terminal."""

import io
import logging
import os
import re
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from diptych.errors import disk_full

if TYPE_CHECKING:
    from rich.console import Console

NARROWEST = 40
"""Columns; in a handful tables take for ever."""
ERASE_LINE = "\r\033[K"
"""What a progress line begins with."""
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, what turns the direction of text, and bytes of file names that are no UTF-8."""


def printable(text: str) -> str:
    """``text`` with what no terminal should be given spelt out, such as \\x1b; line ends and tabs stay.

    A file name may hold an escape sequence, which a terminal would follow.
    """
    return UNPRINTABLE.sub(spelt_out, text)


def spelt_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else ascii(found[0])[1:-1]


class Terminal(io.TextIOBase):
    """Wraps a standard stream, of which there may be none.

    What its encoding lacks is spelt out. Once it cannot be written to (the terminal was closed, the reader has gone, the
    disk is full), everything is dropped. ``buffer`` is the stream's own, for results: writing there fails as ever.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.lost = stream is None or stream.closed
        self.full = False
        self.obeyed = False
        """Whether what is written may style it, which is for words of ours alone."""
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)  # progress, also into a pipe

    def write(self, text: str) -> int:
        if self.stream is not None and not self.lost:
            try:
                self.stream.write(text if self.obeyed else ERASE_LINE.join(map(printable, text.split(ERASE_LINE))))
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
        """Nobody reads any more; what the stream still holds must not fail when Python ends."""
        self.lost, self.full = True, disk_full(problem)
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
        """Where results go that are bytes.

        Raises:
            OSError: when the process has no such stream.
        """
        if self.stream is None:
            raise OSError("standard output is closed")
        return self.stream.buffer


def protect_output() -> None:
    """Let every ``print`` of this process go through :class:`Terminal`."""
    if not isinstance(sys.stdout, Terminal):
        sys.stdout = Terminal(sys.stdout)
    if not isinstance(sys.stderr, Terminal):
        sys.stderr = Terminal(sys.stderr)


def quieten() -> None:
    """What other libraries remark is for their developers: what a user should know of it, a sentence of ours says.

    Of Python's warnings those stay that the user asked for, by -W or PYTHONWARNINGS.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())  # else Python prints what has no other place to go


def styled() -> "Console":
    """What help is written with, which may have colours; its words are all ours."""
    from rich.console import Console

    if isinstance(sys.stdout, Terminal):
        sys.stdout.obeyed = True
    console = Console(file=sys.stdout)
    console.width = max(console.width, NARROWEST)
    return console
