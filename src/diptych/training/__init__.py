"""The loop, its sides, the run folder, and what is seen of a run."""
