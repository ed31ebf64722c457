"""``evaluate(examples, metrics, resources)``: scores with intervals, and a value for each picture."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from diptych.errors import DiptychError, UsageError
from diptych.evaluation import bootstrap
from diptych.evaluation.flicker import Flicker
from diptych.evaluation.metrics import METRICS, Example, PictureMetric, Score, SetMetricSpec, picture_metric
from diptych.evaluation.requirements import Resources
from diptych.evaluation.set_metrics import Diversity, FeatureDistances, Lab, LabelsKept, Segmented, SetMetric
from diptych.machine.devices import matmul_precision
from diptych.networks.features.pretrained import spec_of

USUAL = ("l1", "psnr", "ssim", "ms-ssim", "perceptual", "frechet", "kernel", "coverage", "lab")
ENLARGING = ("psnr-y", "ssim-y")
FILLING = ("l1-hole", "psnr-hole", "ssim-hole", "l1-known", "psnr-known", "ssim-known")
TEXTURES = ("sharpness", "checkerboard", "diversity")
LEAVING_OUT = ("l1", "psnr", "ssim", "noise", "lab")
"""Metrics that leave out pixels without data; the others are of whole pictures."""
THROUGH = "trained through this network"
"""The end of the note of a score that flatters: the generator has learned to please this network."""
INFINITE = "infinite"
"""How the note of an infinite score begins."""


@dataclass
class Verdict:
    """Scores, values of single pictures, and notes."""

    scores: list[Score]
    names: list[str]
    pictures: dict[str, list[float]]
    """By metric, a value for each of ``names``."""
    notes: list[str] = field(default_factory=list)


def problem_of(metric: str, resources: Resources) -> str | None:
    """The first problem that keeps a metric from being computed here, if there is one."""
    return next(filter(None, (requirement(resources) for requirement in METRICS[metric].requirements)), None)


def choose(wanted: Sequence[str], resources: Resources) -> tuple[list[str], list[str]]:
    """The metrics to compute, and a sentence for each usual metric that cannot be computed.

    Raises:
        UsageError: when one that was asked for by name cannot be computed.
    """
    spec_of(resources.network)
    if wanted:
        for name in wanted:
            if problem := problem_of(name, resources):
                raise UsageError(f"{name} cannot be computed: {problem}.")
        return list(wanted), []
    usual = [*USUAL, *TEXTURES, *(["fcn"] if resources.labels else [])]
    usual += ["flicker"] if resources.sequence else []
    usual = [*(ENLARGING if resources.factor > 1 else ()), *(FILLING if resources.holed else ()), *usual]
    problems = {name: problem_of(name, resources) for name in usual}
    notes = [f"{name} is left out: {problem}." for name, problem in problems.items() if problem]
    return [name for name in usual if not problems[name]], notes


def set_metrics_for(metrics: Sequence[str], resources: Resources) -> list[SetMetric]:
    set_metrics: list[SetMetric] = []
    if features := [name for name in ("frechet", "kernel", "coverage") if name in metrics]:
        set_metrics.append(FeatureDistances(resources.network, features))
    if "lab" in metrics:
        set_metrics.append(Lab())
    if "diversity" in metrics:
        set_metrics.append(Diversity())
    if "flicker" in metrics:
        set_metrics.append(Flicker())
    if "fcn" in metrics:
        set_metrics.append(Segmented(resources.classes, resources.segmenter, resources.direct, resources.class_names))
    if "labels-kept" in metrics:
        assert resources.source_segmenter is not None
        set_metrics.append(LabelsKept(resources.classes, resources.source_segmenter))
    specs = [METRICS[name] for name in metrics]
    set_metrics += [spec.make() for spec in specs if isinstance(spec, SetMetricSpec) and spec.make is not None]
    return set_metrics


def evaluate(
    examples: Iterable[Example],
    metrics: Sequence[str],
    resources: Resources,
    progress: Callable[[int], None] = lambda done: None,
) -> Verdict:
    """Evaluate examples one after another.

    Memory grows only by a number for each picture and metric, and by at most ``set_metrics.KEPT`` feature vectors.

    Raises:
        DiptychError: when there is no example, or a metric does not fit one.
    """
    gaps = 0
    single: dict[str, PictureMetric] = {
        name: picture_metric(name, resources.network) for name in metrics if isinstance(METRICS[name], PictureMetric)
    }
    set_metrics = set_metrics_for(metrics, resources)
    names: list[str] = []
    values: dict[str, list[float]] = {name: [] for name in single}
    references: dict[str, list[float]] = {name: [] for name in single}
    with torch.inference_mode(), matmul_precision("float32", resources.device):
        for example in (example.on(resources.device) for example in examples):
            names.append(example.name)
            gaps += example.weights is not None and not bool(example.weights.all())
            for name, metric in single.items():
                values[name].append(metric.measure(example))
                if metric.reference is not None:
                    references[name].append(metric.reference(example))
            for set_metric in set_metrics:
                set_metric.add(example)
            progress(len(names))
    if not names:
        raise DiptychError("there is no picture to judge.")
    scores = [score_of(name, metric, values[name], references[name]) for name, metric in single.items()]
    notes = []
    if gaps and (others := [name for name in metrics if name not in LEAVING_OUT]):
        notes.append(
            f"{gaps} of {len(names)} pictures have pixels without data: {', '.join(others)} see these in the middle of the range "
            f"in outputs and targets alike, which flatters; the other metrics leave them out."
        )
    for set_metric in set_metrics:
        scores += set_metric.scores()
        notes += set_metric.notes()
        values |= set_metric.pictures()
    order = {name: place for place, name in enumerate(metrics)}
    scores = [marked(score, resources.trained_through) for score in scores]
    scores.sort(key=lambda score: order.get(score.metric.partition(" ")[0], len(order)))
    return Verdict(scores, names, values, notes)


def marked(score: Score, trained_through: Sequence[str]) -> Score:
    """The score, with a note where it was measured with a network that the training looked through."""
    if not set(trained_through) & set(score.network.split()):
        return score
    return replace(score, note="; ".join(filter(None, [score.note, THROUGH])))


def mean_of(values: list[float]) -> float:
    """The mean without NaN; NaN if nothing is left."""
    known = np.array(values)[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def score_of(name: str, metric: PictureMetric, values: list[float], references: list[float]) -> Score:
    """The mean over the pictures for which the metric is defined; ``count`` is their number."""
    array = np.array(values)
    known = array[~np.isnan(array)]
    low, high = bootstrap.of_mean(known) if known.size else (math.nan, math.nan)
    notes = []
    if infinite := int(np.isinf(known).sum()):
        rest = f", {known[np.isfinite(known)].mean():.4f} on the others" if infinite < len(known) else ""
        notes.append(f"{INFINITE} on {infinite} of {len(values)} pictures{rest}")
    if unknown := len(values) - len(known):
        notes.append(f"undefined on {unknown} of {len(values)} pictures")
    if not math.isnan(reference := mean_of(references)):
        notes.append(metric.reference_note.format(reference))
    return Score(name, mean_of(values), low, high, metric.better, len(known), metric.network, "; ".join(notes))
