"""From what a user names to a subject that is ready to be judged."""

from dataclasses import replace
from pathlib import Path

from diptych.errors import UsageError
from diptych.evaluation.fcn_labels import Labels
from diptych.judging.classes import with_labels
from diptych.judging.folders import of_folders, of_outputs
from diptych.judging.subjects import Request, Subject, Translated, step_of
from diptych.machine.devices import choose
from diptych.pictures.sizes import named
from diptych.recipe import read


def subject_of(run: Path, request: Request, labels: Labels, wanted: list[str]) -> Subject:
    """A run, ready to be judged; the segmenter is trained where the FCN-score is among what is wanted and none is kept."""
    translated = Translated(run, request)
    subject = judged_on(request.device, translated.subject(run.name))
    if request.size is not None and "fcn" in wanted:
        raise UsageError(
            "the FCN-score is taken at the scale of training, where its segmenter learns; leave --size away."
        )
    if request.size is not None or (wanted and "fcn" not in wanted):
        return subject
    return with_labels(subject, translated.ground, labels, print)


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
    if not recipe:
        return judged_on(request.device, of_folders(outputs, targets, unpaired, request.limit, request.size))
    overrides = [f"data.folder={request.data}"] if request.data else []
    subject, ground = of_outputs(outputs, read(recipe, overrides).data, request.split, request.limit, request.size)
    subject = judged_on(request.device, subject)
    if request.size is not None or (wanted and "fcn" not in wanted):
        return subject
    return with_labels(subject, ground, labels, print)


def judged_on(device: str, subject: Subject) -> Subject:
    return replace(subject, means=replace(subject.means, device=choose(device, "--device")))


def place_of(run: Path, request: Request, subject: Subject) -> Path:
    """RUN/evaluation/SPLIT-CHECKPOINT, with the data where it is not the run's own, the way where there are two, and the size."""
    data = Path(request.data).name if request.data else ""
    parts = [data, subject.protocol["split"], step_of(run, request.checkpoint), request.way, named(request.size)]
    return run / "evaluation" / "-".join(filter(None, parts))
