"""Translates many pictures with bounded memory, here or on Ray; an interrupted job resumes where it stopped."""

from diptych.translator.many.driver import translate_all
from diptych.translator.many.jobs import Job

__all__ = ["Job", "translate_all"]
