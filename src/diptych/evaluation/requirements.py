"""What a metric needs, and why it cannot be had: a need takes what is at hand and answers in words, or with nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.labels import ClassMap
from diptych.evaluation.segmentation import Segmenter
from diptych.networks.features.pretrained import CPU, weights_file

NETWORK = "efficientnet-lite0"


@dataclass(frozen=True)
class Means:
    """What is at hand to judge with."""

    paired: bool = True  # each output has its target
    targets: bool = True  # there are real pictures to compare with
    pictures: int = 1_000_000  # how many there are
    side: int = 256  # the pictures' smaller side
    network: str = NETWORK  # of features
    noise: bool = False  # each example brings a second output, under other noise
    labels: bool = False  # each example brings its class map
    segmenter: Segmenter | None = None
    classes: int = 0
    factor: int = 1  # how many times larger an output is than its source
    holed: bool = False  # sources have holes
    device: torch.device = CPU  # where is judged
    direct: Callable[[Tensor], ClassMap] | None = None  # outputs that are label pictures, to their classes


Need = Callable[[Means], str]


def target(means: Means) -> str:
    return "" if means.paired else "it needs a target for each output"


def real(means: Means) -> str:
    return "" if means.targets else "it needs real pictures to compare with"


def noise(means: Means) -> str:
    return "" if means.noise else "it needs a run, whose network is asked twice"


def enlarging(means: Means) -> str:
    return "" if means.factor > 1 else 'it is of super-resolution, data.task = "shrunk"'


def holes(means: Means) -> str:
    return "" if means.holed else 'it is of inpainting, data.task = "holed"'


def labels(means: Means) -> str:
    return "" if means.labels else "it needs class maps: data.palette in the recipe, or --labels FOLDER"


def network(means: Means) -> str:
    """The chosen feature network's weights."""
    return weights(means.network)(means)


def weights(name: str) -> Need:
    """The weights of a certain network."""

    def need(means: Means) -> str:
        try:
            weights_file(name)
        except DiptychError as problem:
            return str(problem).rstrip(".")
        return ""

    return need


def side(least: int) -> Need:
    def need(means: Means) -> str:
        return "" if means.side >= least else f"it needs pictures with sides of {least} or more"

    return need


def pictures(least: int) -> Need:
    def need(means: Means) -> str:
        enough = means.pictures >= least
        return "" if enough else f"it needs {least} pictures or more, and there are {means.pictures}"

    return need
