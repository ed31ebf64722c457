"""A line of progress on the terminal; nothing where standard error is no terminal."""

import sys


def show(what: str, done: int, total: int) -> None:
    """``total`` is 0 where it is unknown."""
    if sys.stderr.isatty():
        end = "\n" if done >= total > 0 else ""
        share = f"{100 * done / total:.0f} %" if total else f"{done:,}"
        print(f"\r\033[K{what} {share}", end=end, file=sys.stderr, flush=True)
