"""Runs and folders that a user names, as subjects ready for evaluation."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from diptych.errors import UsageError
from diptych.evaluation.fcn_labels import Labels, Reader, count_of, palette_of, resolved, segmenter_for
from diptych.evaluation.labels import ClassMap
from diptych.evaluation.metrics import Example
from diptych.evaluation.segmentation import Plan
from diptych.evaluation.set_metrics import as_bytes
from diptych.judging.folders import from_data_set, from_folders
from diptych.judging.subjects import EvaluationSplit, Request, Subject, TranslatedSplit
from diptych.machine.devices import choose
from diptych.pictures.class_maps import nearest_class
from diptych.pictures.passed_over import ignored_files, pictures_within
from diptych.pictures.sizes import size_text
from diptych.recipe import read
from diptych.shipped import is_shipped
from diptych.tables import quoted
from diptych.translator.weights import weights_path


def subject_of(run: Path, request: Request, labels: Labels, wanted: list[str]) -> Subject:
    """A run as a subject; for the FCN-score, a segmenter is trained unless one is kept."""
    translated = TranslatedSplit(run, request)
    subject = with_classes(translated.subject(run.name), translated.data, request, labels, wanted)
    return with_source_labels(subject, translated.data, labels) if "labels-kept" in wanted else subject


def subject_of_outputs(
    outputs: Path,
    targets: Path | None,
    unpaired: bool,
    request: Request,
    recipe: str,
    labels: Labels,
    wanted: list[str],
) -> Subject:
    """A folder of outputs: with the data set of a recipe, with a folder of targets, or alone."""
    for folder in filter(None, (outputs, targets)):
        if message := ignored_files(folder):
            print(message)
        if below := pictures_within(folder):
            print(f"Pictures in folders within {folder} are not judged ({below}).")
    if not recipe:
        return on_device(request.device, from_folders(outputs, targets, unpaired, request.limit, request.size))
    overrides = [f"data.folder={quoted(request.data)}"] if request.data else []
    subject, data = from_data_set(outputs, read(recipe, overrides).data, request.split, request.limit, request.size)
    return with_classes(subject, data, request, labels, wanted)


def with_classes(
    subject: Subject, data: EvaluationSplit, request: Request, labels: Labels, wanted: list[str]
) -> Subject:
    """The subject on its device, with class maps if the FCN-score is wanted.

    Raises:
        UsageError: when it is asked for at another size than that of training.
    """
    subject = on_device(request.device, subject)
    if wanted and "fcn" not in wanted:
        return subject
    if request.size is None:
        return with_class_maps(subject, data, labels)
    reason = "the FCN-score is taken at the scale of training, where its segmenter learns; leave --size away"
    if wanted or labels.where:
        raise UsageError(f"{reason}.")
    if data.paired and resolved(labels, data.settings).where:
        print(f"Without fcn: {reason} to have it.")
    return subject


def with_class_maps(subject: Subject, data: EvaluationSplit, labels: Labels) -> Subject:
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
    segmenter = None if direct else segmenter_for(settings, labels, palette, classes, print, subject.resources.device)

    def read(place: int) -> Example:
        return subject.read(place)._replace(labels=reader(data.chosen[place]))

    def by_colour(picture: Tensor) -> ClassMap:
        return nearest_class(as_bytes(picture[None]), palette)

    names = settings.source.names
    resources = replace(
        subject.resources,
        labels=True,
        classes=classes,
        class_names=names if len(names) == classes else (),
        segmenter=segmenter,
        direct=by_colour if direct else None,
    )
    facts: dict[str, Any] = {"labels": labels.where, "classes": classes}
    if not direct:
        facts["segmenter"] = Plan(classes, labels.steps).summary()
    return replace(subject, read=read, resources=resources, protocol=subject.protocol | facts)


def with_source_labels(subject: Subject, data: EvaluationSplit, labels: Labels) -> Subject:
    """The same subject with the class maps of its sources and the segmenter that judges whether translations keep them.

    That is another network than the one of a loss on labels (``options.labels``): an FCN that began as EfficientNet-Lite0, trained anew on
    the sources of the training split.
    """
    labels = resolved(labels, data.settings)
    if not labels.where or labels.where == "target" or data.reverse or data.own:
        return subject  # which the metric's requirement refuses
    settings = data.settings
    palette = palette_of(settings, labels)
    reader = Reader(settings, data.split, labels, palette)
    classes = count_of(labels, palette, Reader(settings, "train", labels, palette), settings)
    device = subject.resources.device
    segmenter = segmenter_for(settings, labels, palette, classes, print, device, of_sources=True)

    def read(place: int) -> Example:
        return subject.read(place)._replace(labels=reader(data.chosen[place]))

    resources = replace(subject.resources, source_segmenter=segmenter, classes=classes)
    facts = {"labels": labels.where, "classes": classes, "source segmenter": Plan(classes, labels.steps).summary()}
    return replace(subject, read=read, resources=resources, protocol=subject.protocol | facts)


def on_device(device: str, subject: Subject) -> Subject:
    return replace(subject, resources=replace(subject.resources, device=choose(device, "--device")))


def evaluation_folder(run: Path, request: Request, subject: Subject) -> Path:
    """RUN/evaluation/SPLIT-CHECKPOINT, with the data where it is not the run's own, the direction where there are two, and the size.

    Of a translator that comes with diptych NAME-evaluation/... where one is.
    """
    stem = weights_path(run, request.checkpoint).stem
    checkpoint = "model" if stem == "weights" else stem
    where = (Path(request.data).name if request.data else "", subject.protocol["split"])
    folder = Path(f"{run.name}-evaluation") if is_shipped(run) else run / "evaluation"
    return folder / "-".join(filter(None, (*where, checkpoint, request.direction, size_text(request.size))))
