"""A run as one HTML file that needs nothing else: ``write(run_folder)``."""

from diptych.report.reporter import Reporter, Standing, write

__all__ = ["Reporter", "Standing", "write"]
