"""Evaluation of runs and folders: subjects, the data they are compared with, and results kept and shown."""
