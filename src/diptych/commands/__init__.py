"""One module a command: read, call, write."""

STREAM = "\0"
"""Replaces the argument ``-``, standard input or output, which the parser would take for an option. No file has this name."""
