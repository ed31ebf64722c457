"""One module a command: read, call, write."""
