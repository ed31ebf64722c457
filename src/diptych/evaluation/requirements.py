"""What metrics require: each requirement returns "" when it is met, or a sentence that says what is missing."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.labels import ClassMap
from diptych.evaluation.perceptual import mapped
from diptych.evaluation.segmentation import Segmenter
from diptych.networks.features.pretrained import CPU, weights_file

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
    trained_through: tuple[str, ...] = ()  # feature networks through which the training of what is judged looked
    direct: Callable[[Tensor], ClassMap] | None = None  # outputs that are label pictures, to their classes


Requirement = Callable[[Resources], str]


def require(met: Callable[[Resources], bool], otherwise: str) -> Requirement:
    return lambda resources: "" if met(resources) else otherwise


target = require(lambda resources: resources.paired, "it needs a target for each output")
real = require(lambda resources: resources.targets, "it needs real pictures to compare with")
noise = require(lambda resources: resources.noise, "it needs a run, whose network is asked twice")
enlarging = require(lambda resources: resources.factor > 1, 'it is for super-resolution only (data.task = "shrunk")')
holes = require(lambda resources: resources.holed, 'it is for inpainting only (data.task = "holed")')
labels = require(
    lambda resources: resources.labels, "it needs class maps: data.palette in the recipe, or --labels FOLDER"
)


def network(resources: Resources) -> str:
    """Whether the weights of the chosen feature network are there."""
    return weights(resources.network)(resources)


def maps(resources: Resources) -> str:
    """Whether the perceptual distance has its network, and pictures that are large enough for it."""
    name = mapped(resources.network)
    least = side(32)(resources) if name.startswith("squeezenet") else ""
    return weights(name)(resources) or least


def weights(name: str) -> Requirement:
    """Whether the weights of the network ``name`` are there."""

    def requirement(resources: Resources) -> str:
        try:
            weights_file(name)
        except DiptychError as problem:
            return str(problem).rstrip(".")
        return ""

    return requirement


def side(least: int) -> Requirement:
    return require(lambda resources: resources.side >= least, f"it needs pictures with sides of {least} or more")


def pictures(least: int) -> Requirement:
    def requirement(resources: Resources) -> str:
        enough = resources.pictures >= least
        return "" if enough else f"it needs {least} pictures or more, and there are {resources.pictures}"

    return requirement
