"""A subject with class maps, so that it can have an FCN-score."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from diptych.errors import UsageError
from diptych.evaluation.fcn_labels import Labels, Reader, count_of, palette_of, resolved, segmenter_for
from diptych.evaluation.labels import ClassMap
from diptych.evaluation.metrics import Example
from diptych.evaluation.segmentation import Plan, Say
from diptych.evaluation.set_metrics import as_bytes
from diptych.judging.subjects import EvaluationSplit, Subject
from diptych.pictures.class_maps import nearest


def with_labels(subject: Subject, data: EvaluationSplit, labels: Labels, say: Say) -> Subject:
    """The same subject, each example with its class map, and what the FCN-score requires."""
    settings = data.settings
    labels = resolved(labels, settings)
    if not labels.where or not data.paired:
        return subject
    palette = palette_of(settings, labels)
    reader = Reader(settings, data.split, labels, palette)
    classes = count_of(labels, palette, Reader(settings, "train", labels, palette), settings)
    direct = labels.where == "target"
    if direct and not palette:
        raise UsageError(
            "fcn of outputs that are label pictures goes by their colours: give data.palette, or --classes N."
        )
    segmenter = None if direct else segmenter_for(settings, labels, palette, classes, say, subject.resources.device)

    def read(place: int) -> Example:
        return subject.read(place)._replace(labels=reader(data.chosen[place]))

    def by_colour(picture: Tensor) -> ClassMap:
        return nearest(as_bytes(picture[None]), palette)

    resources = replace(
        subject.resources, labels=True, classes=classes, segmenter=segmenter, direct=by_colour if direct else None
    )
    facts: dict[str, Any] = {"labels": labels.where, "classes": classes}
    if not direct:
        facts["segmenter"] = Plan(classes, labels.steps).words()
    return replace(subject, read=read, resources=resources, protocol=subject.protocol | facts)
