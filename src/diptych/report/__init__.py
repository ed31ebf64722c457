"""The report of a run as one self-contained HTML file: ``write(run_folder)``."""

from diptych.report.reporter import LiveReport, Reporter, write

__all__ = ["LiveReport", "Reporter", "write"]
