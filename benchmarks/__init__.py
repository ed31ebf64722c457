"""Speed and memory, each script printing a table from one run."""
