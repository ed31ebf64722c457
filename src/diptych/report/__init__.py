"""A run as one HTML file that needs nothing else: ``write(run_folder)``."""

from diptych.report.reporter import LiveReport, Reporter, write

__all__ = ["LiveReport", "Reporter", "write"]
