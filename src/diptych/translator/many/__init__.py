"""Many pictures through a translator: a bounded way ahead of one another, gone on with where they stopped, here or on Ray."""

from diptych.translator.many.driver import translate_all
from diptych.translator.many.jobs import Job

__all__ = ["Job", "translate_all"]
