"""Every metric by name: its requirements, the better direction, and how an example is measured.

A metric of single pictures gives one number for each; a metric of the whole set collects, and gives its numbers at the end.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from diptych.errors import UsageError
from diptych.evaluation import paired, perceptual, requirements, restoration, texture
from diptych.evaluation.labels import ClassMap
from diptych.evaluation.other_names import OTHER_NAMES
from diptych.evaluation.requirements import Requirement
from diptych.registry import Table, of_your_own
from diptych.tables import closest

if TYPE_CHECKING:
    from diptych.evaluation.set_metrics import SetMetric

Better = Literal["higher", "lower", "near 1", "as the targets'"]


RANGES = "values in [-1, 1], of SSIM and MS-SSIM in [0, 1]"
"""The value ranges on which scores of single pictures are computed; a part of every protocol."""


class Example(NamedTuple):
    """One output to be evaluated. All tensors are (1, channels, H, W) in [-1, 1] on one device.

    ``output`` and ``target`` are of the target's Kind; those named ``rgb`` are its previews.
    """

    name: str
    output: Tensor
    output_rgb: Tensor
    target: Tensor | None = None
    target_rgb: Tensor | None = None
    source_rgb: Tensor | None = None
    again: Tensor | None = None
    """A second output for the same input, under other noise."""
    source: Tensor | None = None
    """As the network saw it: the small picture of super-resolution, or the picture with its hole."""
    labels: ClassMap | None = None
    """The true class of each pixel, at the class map's own size."""
    weights: Tensor | None = None
    """(1, 1, H, W): 1 where there is data, else 0; None: everywhere. Without data all pictures hold 0, the middle of the range."""

    def on(self, device: torch.device) -> "Example":
        return Example._make(value.to(device) if isinstance(value, Tensor) else value for value in self)


@dataclass(frozen=True)
class Score:
    """A number with its 95 % interval, and the network that it was measured with."""

    metric: str
    value: float
    low: float
    high: float
    better: str
    count: int
    network: str = ""
    note: str = ""


@dataclass(frozen=True)
class PictureMetric:
    """A number for each picture."""

    better: Better
    measure: Callable[[Example], float]
    requirements: tuple[Requirement, ...] = ()
    network: str = ""
    reference: Callable[[Example], float] | None = (
        None  # of a real picture or a method without learning, to compare with
    )
    reference_note: str = ""  # with the mean of the references in braces


@dataclass(frozen=True)
class SetMetricSpec:
    """A metric of all pictures together; ``set_metrics`` computes it."""

    better: Better
    requirements: tuple[Requirement, ...]
    uses_network: bool = False  # the chosen feature network
    make: "type[SetMetric] | None" = None  # of a registered one, how it is made


def as_rgb(picture: npt.NDArray[np.uint8]) -> Tensor:
    """uint8 (H, W, 3) to (1, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float()[None] / 127.5 - 1


def between(score: Callable[[Tensor, Tensor], Tensor], example: Example) -> float:
    assert example.target is not None
    return float(score(example.output, example.target))


def where_known(score: Callable[[Tensor, Tensor, Tensor | None], Tensor], example: Example) -> float:
    """A score of the pixels with data; NaN where there are none."""
    assert example.target is not None
    return float(score(example.output, example.target, example.weights))


def seen(score: Callable[[Tensor, Tensor], Tensor], example: Example) -> float:
    assert example.target_rgb is not None
    return float(score(example.output_rgb, example.target_rgb))


def sharpness(example: Example) -> float:
    """The output's sharpness over the target's, or alone where there is no target."""
    own = float(texture.sharpness(example.output_rgb))
    return own if example.target_rgb is None else own / max(float(texture.sharpness(example.target_rgb)), 1e-6)


def checkerboard(real: bool, example: Example) -> float:
    """The score of the output, or of the ``real`` picture; NaN where there is none."""
    picture = example.target_rgb if real else example.output_rgb
    return math.nan if picture is None else float(texture.checkerboard(picture))


def enlarged(score: Callable[[Tensor, Tensor], Tensor], plain: bool, example: Example) -> float:
    """A score of super-resolution without a border as wide as the factor; ``plain`` scores bicubic enlargement."""
    assert example.target_rgb is not None
    assert example.source is not None
    factor = example.target_rgb.shape[2] // example.source.shape[2]
    output = restoration.bicubic(example.source, factor) if plain else example.output_rgb
    one, other = (restoration.luma_within(rgb, factor) for rgb in (output, example.target_rgb))
    return float(score(one, other))


def filled(score: Callable[[Tensor, Tensor, Tensor], float], inside: bool, plain: bool, example: Example) -> float:
    """A score of inpainting, inside or outside the hole; ``plain`` scores the mean of the known pixels."""
    assert example.target is not None
    assert example.source is not None
    hole = restoration.hole_of(example.source)
    output = restoration.filled_with_mean(example.source) if plain else example.output
    return score(output, example.target, hole if inside else ~hole)


def of_enlarging(score: Callable[[Tensor, Tensor], Tensor]) -> PictureMetric:
    own, plain = partial(enlarged, score, False), partial(enlarged, score, True)
    required = (requirements.target, requirements.enlarging)
    return PictureMetric("higher", own, required, reference=plain, reference_note="bicubic: {:.4f}")


def of_filling(better: Better, score: Callable[[Tensor, Tensor, Tensor], float], inside: bool) -> PictureMetric:
    own, plain = partial(filled, score, inside, False), partial(filled, score, True, True)
    required = (requirements.target, requirements.holes)
    if not inside:
        return PictureMetric(better, own, required)
    return PictureMetric(better, own, required, reference=plain, reference_note="filled with the mean: {:.4f}")


def by_features(
    score: Callable[[Tensor, Tensor], Tensor], network: str, required: Requirement | None = None
) -> PictureMetric:
    """A perceptual distance by the features of a pretrained network."""
    needed = (requirements.target, required or requirements.weights(network))
    return PictureMetric("lower", partial(seen, score), needed, network=network)


def noise(example: Example) -> float:
    assert example.again is not None
    return float(paired.l1(example.output, example.again, example.weights))


PICTURE_METRICS: dict[str, PictureMetric] = {
    "l1": PictureMetric("lower", partial(where_known, paired.l1), (requirements.target,)),
    "psnr": PictureMetric("higher", partial(where_known, paired.psnr), (requirements.target,)),
    "ssim": PictureMetric("higher", partial(where_known, paired.ssim), (requirements.target,)),
    "ms-ssim": PictureMetric("higher", partial(between, paired.ms_ssim), (requirements.target, requirements.side(161))),
    "perceptual": by_features(perceptual.perceptual, perceptual.MAPPED[0], requirements.maps),
    "lpips-alexnet": by_features(perceptual.lpips, "alexnet"),
    "lpips-vgg16": by_features(partial(perceptual.lpips, backbone="vgg16"), "vgg16"),
    "sharpness": PictureMetric("near 1", sharpness),
    "checkerboard": PictureMetric(
        "as the targets'",
        partial(checkerboard, False),
        (requirements.side(32),),
        reference=partial(checkerboard, True),
        reference_note="targets: {:.3f}",
    ),
    "blotches": PictureMetric("lower", partial(seen, texture.blotches), (requirements.target,)),
    "noise": PictureMetric("higher", noise, (requirements.noise,)),
    "psnr-y": of_enlarging(paired.psnr),
    "ssim-y": of_enlarging(paired.ssim),
    "l1-hole": of_filling("lower", restoration.l1_in, inside=True),
    "psnr-hole": of_filling("higher", restoration.psnr_in, inside=True),
    "ssim-hole": of_filling("higher", restoration.ssim_in, inside=True),
    "l1-known": of_filling("lower", restoration.l1_in, inside=False),
    "psnr-known": of_filling("higher", restoration.psnr_in, inside=False),
    "ssim-known": of_filling("higher", restoration.ssim_in, inside=False),
}


def picture_metric(name: str, network: str) -> PictureMetric:
    """A metric of single pictures; the perceptual distance goes by the chosen network where that has maps."""
    metric = METRICS[name]
    assert isinstance(metric, PictureMetric)
    if name != "perceptual":
        return metric
    chosen = perceptual.mapped(network)
    return replace(metric, measure=partial(seen, partial(perceptual.perceptual, name=chosen)), network=chosen)


def of_distributions(better: Better, least: int) -> SetMetricSpec:
    """A metric of the chosen network's features, of ``least`` pictures or more."""
    required = (requirements.real, requirements.weights(), requirements.pictures(least))
    return SetMetricSpec(better, required, uses_network=True)


SET_METRICS: dict[str, SetMetricSpec] = {
    "frechet": of_distributions("lower", 2),
    "kernel": of_distributions("lower", 3),
    "coverage": of_distributions("higher", 6),
    "lab": SetMetricSpec("higher", (requirements.real,)),
    "diversity": SetMetricSpec("near 1", ()),
    "flicker": SetMetricSpec("lower", (requirements.sequence, requirements.opencv)),
    "fcn": SetMetricSpec("higher", (requirements.labels, requirements.weights("efficientnet-lite0"))),
    "labels-kept": SetMetricSpec("higher", (requirements.kept, requirements.weights("efficientnet-lite0"))),
}
METRICS: Table[PictureMetric | SetMetricSpec] = Table(
    "metric",
    {**PICTURE_METRICS, **SET_METRICS},
    reserved=("step", "change", "cycle_l1_a", "cycle_l1_b", "l1_inverted"),
)
"""Those of ours, and what users' code registers; reserved is what else stands beside a run's scores."""


SEVERAL = {
    "coverage": ("coverage density", "coverage share"),
    "lab": ("lab L", "lab a", "lab b"),
    "fcn": ("fcn pixel accuracy", "fcn class accuracy", "fcn class iou"),
    "labels-kept": ("labels-kept accuracy", "labels-kept agreement"),
}
"""The scores of metrics that give more than one."""


def scores_of(metric: str) -> tuple[str, ...]:
    return SEVERAL.get(metric, (metric,))


def direction(score: str) -> Better:
    """Which direction of a score is better; its first word names the metric."""
    return METRICS[score.partition(" ")[0]].better


def refuse_other_name(name: str) -> None:
    """Raises: UsageError for what is a metric elsewhere, with what is here instead."""
    if (instead := OTHER_NAMES.get(name.casefold().replace("_", "-").replace(" ", "-"))) is not None:
        raise UsageError(f'no metric is called "{name}" here: {instead}.')


def chosen(names: str) -> list[str]:
    """The metrics of a comma-separated list, each once.

    Raises:
        UsageError: for a name that is none.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in METRICS:
            refuse_other_name(name)
            raise UsageError(
                f'there is no metric "{name}"{closest(name, METRICS)}; choose from {", ".join(METRICS)}.{of_your_own(METRICS)}'
            )
    return list(dict.fromkeys(wanted))
