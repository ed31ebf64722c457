"""Perceptual distances: LPIPS as published, and its unweighted form on other networks, of which pip installs one."""

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.paired import Images, Scores
from diptych.networks.features.efficientnet import EfficientNetLite0
from diptych.networks.features.pretrained import as_trained, load
from diptych.networks.features.squeezenet import SqueezeNet

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""LPIPS normalises [-1, 1] by these to the input of its backbones."""
MAPPED = ("efficientnet-lite0", "squeezenet1.1", "squeezenet1.1-caffe")
"""Networks whose maps the unweighted distance compares."""
HEADS = {"alexnet": "alex", "vgg16": "vgg"}


def mapped(name: str) -> str:
    """The network of the unweighted distance where ``name`` was chosen: the first of MAPPED unless it is one of them."""
    return name if name in MAPPED else MAPPED[0]


def apart(one: Tensor, other: Tensor) -> Tensor:
    """(batch, channels, H, W): squared differences of the two maps, each place scaled to unit length."""
    first = one / (one.square().sum(1, keepdim=True).sqrt() + 1e-10)
    second = other / (other.square().sum(1, keepdim=True).sqrt() + 1e-10)
    return (first - second).square()


@torch.inference_mode()
def lpips(one: Images, other: Images, backbone: str = "alexnet") -> Scores:
    """Learned perceptual image patch similarity, version 0.1 (Zhang et al., CVPR 2018); 0 = the same.

    Raises:
        DiptychError: when the weights of the backbone or the heads cannot be had.
    """
    network, heads = load(backbone, one.device), [head.to(one.device) for head in head_weights(backbone)]
    shift, scale = (torch.tensor(values, device=one.device)[:, None, None] for values in (SHIFT, SCALE))
    total = torch.zeros(len(one), device=one.device)
    pairs = zip(network((one - shift) / scale), network((other - shift) / scale), heads, strict=True)
    for first, second, weights in pairs:
        total += (apart(first, second) * weights[:, None, None]).sum(1).mean((1, 2))
    return total


@torch.inference_mode()
def perceptual(one: Images, other: Images, name: str = MAPPED[0]) -> Scores:
    """The mean over a network's maps of several resolutions of the unweighted distance; 0 = the same, at most 2.

    It orders pictures much as LPIPS does, but its values are not those of LPIPS. Values of different networks cannot be compared.

    Args:
        name: one of MAPPED.
    """
    network = load(name, one.device)
    assert isinstance(network, EfficientNetLite0 | SqueezeNet)
    first, second = (network.pyramid(as_trained(images, name)) for images in (one, other))
    return torch.stack([apart(a, b).sum(1).mean((1, 2)) for a, b in zip(first, second, strict=True)]).mean(0)


@cache
def head_weights(backbone: str) -> Sequence[Tensor]:
    """The learned weight of each channel at each tap, from an installed ``lpips`` or ``torchmetrics``."""
    for package, inside in (("lpips", "weights/v0.1"), ("torchmetrics", "functional/image/lpips_models")):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            path = Path(spec.submodule_search_locations[0]) / inside / f"{HEADS[backbone]}.pth"
            if path.is_file():
                tensors = torch.load(path, map_location="cpu", weights_only=True)
                return [tensors[f"lin{index}.model.1.weight"].flatten() for index in range(5)]
    raise DiptychError("LPIPS needs its learned heads: pip install torchmetrics, which brings them.")
