"""A run as a subject: its translator, its data, its class maps."""

from pathlib import Path

from diptych.judging.classes import with_labels
from diptych.judging.subjects import Request, Subject, Translated, step_of
from diptych.labelling import Labels


def subject_of(run: Path, request: Request, labels: Labels, wanted: list[str]) -> Subject:
    """A run, ready to be judged; the segmenter is trained where the FCN-score is among what is wanted and none is kept."""
    translated = Translated(run, request)
    subject = translated.subject(run.name)
    if wanted and "fcn" not in wanted:
        return subject
    return with_labels(subject, translated, labels, print)


def place_of(run: Path, request: Request, subject: Subject) -> Path:
    """RUN/evaluation/SPLIT-CHECKPOINT, with the way where there are two."""
    parts = [subject.protocol["split"], step_of(run, request.checkpoint), request.way]
    return run / "evaluation" / "-".join(filter(None, parts))
