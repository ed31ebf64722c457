"""Runs and folders before the judge: what is judged, on what, and how the verdict is kept and shown."""
