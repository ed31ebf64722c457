"""What metrics require: each requirement returns "" when it is met, or a sentence that says what is missing."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.labels import ClassMap
from diptych.evaluation.segmentation import Segmenter
from diptych.networks.features.pretrained import CPU, find

NETWORK = "efficientnet-lite0"


@dataclass(frozen=True)
class Resources:
    """What there is to judge with: pictures, class maps, networks and the device."""

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
    device: torch.device = CPU  # on which metrics are computed
    direct: Callable[[Tensor], ClassMap] | None = None  # outputs that are label pictures, to their classes


Requirement = Callable[[Resources], str]


def target(resources: Resources) -> str:
    return "" if resources.paired else "it needs a target for each output"


def real(resources: Resources) -> str:
    return "" if resources.targets else "it needs real pictures to compare with"


def noise(resources: Resources) -> str:
    return "" if resources.noise else "it needs a run, whose network is asked twice"


def enlarging(resources: Resources) -> str:
    return "" if resources.factor > 1 else 'it is of super-resolution, data.task = "shrunk"'


def holes(resources: Resources) -> str:
    return "" if resources.holed else 'it is of inpainting, data.task = "holed"'


def labels(resources: Resources) -> str:
    return "" if resources.labels else "it needs class maps: data.palette in the recipe, or --labels FOLDER"


def network(resources: Resources) -> str:
    """The chosen feature network's weights."""
    return weights(resources.network)(resources)


def weights(name: str) -> Requirement:
    """The weights of a certain network."""

    def requirement(resources: Resources) -> str:
        try:
            find(name)
        except DiptychError as problem:
            return str(problem).rstrip(".")
        return ""

    return requirement


def side(least: int) -> Requirement:
    def requirement(resources: Resources) -> str:
        return "" if resources.side >= least else f"it needs pictures with sides of {least} or more"

    return requirement


def pictures(least: int) -> Requirement:
    def requirement(resources: Resources) -> str:
        enough = resources.pictures >= least
        return "" if enough else f"it needs {least} pictures or more, and there are {resources.pictures}"

    return requirement
