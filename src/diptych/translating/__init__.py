"""Many pictures through a translator: a bounded way ahead of one another, gone on with where they stopped, here or on Ray."""

from diptych.translating.jobs import Job
from diptych.translating.many import write_all

__all__ = ["Job", "write_all"]
