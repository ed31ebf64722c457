"""From what a user names to a subject that is ready to be judged."""

from dataclasses import replace
from pathlib import Path

from diptych.errors import UsageError
from diptych.evaluation.fcn_labels import Labels, resolved
from diptych.judging.classes import with_labels
from diptych.judging.folders import of_folders, of_outputs
from diptych.judging.subjects import EvaluationSplit, Request, Subject, Translated, step_of
from diptych.machine.devices import choose
from diptych.pictures.formats import passed_over
from diptych.pictures.sizes import named
from diptych.recipe import quoted, read


def subject_of(run: Path, request: Request, labels: Labels, wanted: list[str]) -> Subject:
    """A run, ready to be judged; the segmenter is trained where the FCN-score is among what is wanted and none is kept."""
    translated = Translated(run, request)
    return with_classes(translated.subject(run.name), translated.data, request, labels, wanted)


def made_elsewhere(
    outputs: Path,
    targets: Path | None,
    unpaired: bool,
    request: Request,
    recipe: str,
    labels: Labels,
    wanted: list[str],
) -> Subject:
    """A folder of outputs: against the data set of a recipe where that is named, else beside its targets or alone."""
    for folder in filter(None, (outputs, targets)):
        if words := passed_over(folder):
            print(words)
    if not recipe:
        return judged_on(request.device, of_folders(outputs, targets, unpaired, request.limit, request.size))
    overrides = [f"data.folder={quoted(request.data)}"] if request.data else []
    subject, data = of_outputs(outputs, read(recipe, overrides).data, request.split, request.limit, request.size)
    return with_classes(subject, data, request, labels, wanted)


def with_classes(
    subject: Subject, data: EvaluationSplit, request: Request, labels: Labels, wanted: list[str]
) -> Subject:
    """Where it is to be judged, with class maps for the FCN-score where that is among what is wanted.

    Raises:
        UsageError: when it is asked for at another size than that of training.
    """
    subject = judged_on(request.device, subject)
    if wanted and "fcn" not in wanted:
        return subject
    if request.size is None:
        return with_labels(subject, data, labels, print)
    words = "the FCN-score is taken at the scale of training, where its segmenter learns; leave --size away"
    if wanted or labels.where:
        raise UsageError(f"{words}.")
    if data.paired and resolved(labels, data.settings).where:
        print(f"Without fcn: {words} to have it.")
    return subject


def judged_on(device: str, subject: Subject) -> Subject:
    return replace(subject, resources=replace(subject.resources, device=choose(device, "--device")))


def place_of(run: Path, request: Request, subject: Subject) -> Path:
    """RUN/evaluation/SPLIT-CHECKPOINT, with the data where it is not the run's own, the direction where there are two, and the size."""
    data = Path(request.data).name if request.data else ""
    parts = [data, subject.protocol["split"], step_of(run, request.checkpoint), request.direction, named(request.size)]
    return run / "evaluation" / "-".join(filter(None, parts))
