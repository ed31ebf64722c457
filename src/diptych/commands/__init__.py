"""One module a command: read, call, write."""

STREAM = "\0"
"""What stands for the word ``-``, standard input or output, which the parser would take for an option; no file is called so."""
