"""What metrics require of pictures, class maps and weights."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

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
    source_segmenter: Segmenter | None = None  # that of the sources, whose class maps the examples bring
    classes: int = 0
    class_names: tuple[str, ...] = ()  # of all classes; empty = their numbers
    factor: int = 1  # how many times larger an output is than its source
    holed: bool = False  # sources have holes
    device: torch.device = CPU  # on which metrics are computed
    trained_through: tuple[str, ...] = ()  # feature networks through which the training of what is judged looked
    sequence: bool = False  # the examples are the frames of one film, in their order
    direct: Callable[[Tensor], ClassMap] | None = None  # outputs that are label pictures, to their classes


Requirement = Callable[[Resources], str | None]
"""The problem that keeps a metric from being computed with these resources, if there is one."""


def require(met: Callable[[Resources], bool], problem: str) -> Requirement:
    return lambda resources: None if met(resources) else problem


target = require(lambda resources: resources.paired, "it needs a target for each output")
real = require(lambda resources: resources.targets, "it needs real pictures to compare with")
noise = require(lambda resources: resources.noise, "it needs a run, whose network is asked twice")
enlarging = require(lambda resources: resources.factor > 1, 'it is for super-resolution only (data.task = "shrunk")')
holes = require(lambda resources: resources.holed, 'it is for inpainting only (data.task = "holed")')
labels = require(
    lambda resources: resources.labels, "it needs class maps: data.palette in the recipe, or --labels FOLDER"
)

kept = require(
    lambda resources: resources.source_segmenter is not None,
    "it needs a run that translates a to b, and class maps of its sources: diptych evaluate RUN --labels FOLDER",
)
sequence = require(
    lambda resources: resources.sequence, "it needs the frames of a film, in order: --outputs FILM --sources FILM"
)
opencv = require(
    lambda resources: find_spec("cv2") is not None, "it needs OpenCV for the flow: pip install 'diptych[video]'"
)


def maps(resources: Resources) -> str | None:
    """Whether the perceptual distance has its network, and pictures that are large enough for it."""
    name = mapped(resources.network)
    least = side(32)(resources) if name.startswith("squeezenet") else None
    return weights(name)(resources) or least


def weights(name: str = "") -> Requirement:
    """The weights of a feature network: of ``name``, by default of the chosen one."""

    def requirement(resources: Resources) -> str | None:
        try:
            weights_file(name or resources.network)
        except DiptychError as problem:
            return str(problem).rstrip(".")
        return None

    return requirement


def side(least: int) -> Requirement:
    return require(lambda resources: resources.side >= least, f"it needs pictures with sides of {least} or more")


def pictures(least: int) -> Requirement:
    enough = f"it needs {least} pictures or more"
    return lambda found: None if found.pictures >= least else f"{enough}, and there are {found.pictures}"
