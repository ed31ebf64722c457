"""The report of a run as one self-contained HTML file: ``write(run_folder)``."""

from diptych.report.reporter import LiveReport, write

__all__ = ["LiveReport", "write"]
