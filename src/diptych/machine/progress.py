"""A line of progress on the terminal, written over again and again; nothing where standard error is no terminal."""

import sys


def show(text: str = "", end: str = "") -> None:
    """In the place of the line before; without a text nothing."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end=end, file=sys.stderr, flush=True)


def show_share(what: str, done: int, total: int) -> None:
    """``total`` is 0 where it is unknown."""
    show(f"{what} {f'{100 * done / total:.0f} %' if total else f'{done:,}'}", "\n" if done >= total > 0 else "")
