"""CUT and FastCUT in PyTorch, of the repository taesungp/contrastive-unpaired-translation: `*_net_G.pth`, `*_net_D.pth`.

Their filters of halving and doubling are buffers of the file. Ours of halving is a buffer too, and doubling is computed, so a file is
refused whose filters are others.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.networks.contrastive.resnet import FEATURES_END
from diptych.released.junyanz import blocks_of
from diptych.released.layout import Layout, Modules, Tensors, without_running

LINES = {3: (1.0, 2.0, 1.0), 4: (1.0, 3.0, 3.0, 1.0)}
"""By the side of a filter its line: of halving, which sums to 1, and of doubling, which sums to 4 since zeros lie between the places."""


def taps(channels: int, side: int) -> Tensor:
    """The filter of each channel, (channels, 1, side, side)."""
    line = torch.tensor(LINES[side], dtype=torch.float32)
    square = line[:, None] * line
    return (square / square.sum() * (4 if side == 4 else 1)).expand(channels, 1, side, side).contiguous()


def without_filters(tensors: Tensors) -> Tensors:
    """Filters of halving under our name; those of doubling are dropped.

    Raises:
        ValueError: for filters other than the published ones.
    """
    found: Tensors = {}
    for name, tensor in without_running(tensors).items():
        if not name.endswith(".filt"):
            found[name] = tensor
            continue
        side = tensor.shape[-1]
        if side not in LINES or not torch.allclose(tensor.float(), taps(len(tensor), side), atol=1e-6):
            raise ValueError(f"{name} is no published filter")
        if side == 3:
            found[f"{name.removesuffix('filt')}taps"] = tensor
    return found


def with_filters(tensors: Tensors) -> Tensors:
    """Under their name, and those of a generator's two doublings in the places before the convolutions that follow."""
    found = {name.replace(".taps", ".filt"): tensor for name, tensor in tensors.items()}
    blocks = blocks_of(found)
    if not blocks:
        return found  # a discriminator
    for place in (blocks[-1] + 1, blocks[-1] + 5):
        weight = found[f"model.{place + 1}.weight"]
        found[f"model.{place}.filt"] = taps(weight.shape[1], 4).to(weight)
    return found


def generator_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    blocks, first = blocks_of(tensors), tensors["model.1.weight"]
    if "model.1.bias" not in tensors or "model.2.weight" in tensors:
        raise DiptychError(
            "this CUT generator has batch norm, and ours has instance norm alone; it cannot be imported."
        )
    last = tensors[f"model.{blocks[-1] + 10}.weight"]
    return {
        "channels_in": first.shape[1],
        "channels_out": last.shape[0],
        "blocks": len(blocks),
        "width": first.shape[0],
    }


def generator_modules(arguments: Mapping[str, Any]) -> Modules:
    """Their layers are numbered in one row, and ours within the stages between which features are taken."""
    blocks = arguments["blocks"]
    middle = min(blocks, FEATURES_END) - 1
    sizes = [size for size in (1, 4, 4, 4, middle, blocks - 1 - middle + 11) if size]
    places = [f"stages.{stage}.{layer}" for stage, size in enumerate(sizes) for layer in range(size)]
    after = 12 + blocks
    found = {places[number]: f"model.{number}" for number in (1, 4, 7, 8, 11, after + 1, after + 5, after + 9)}
    for number, part in itertools.product(range(12, after), (1, 5)):
        found[f"{places[number]}.layers.{part}"] = f"model.{number}.conv_block.{part}"
    return found


def discriminator_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    first, halvings = tensors["model.0.weight"], sum(name.endswith(".taps") for name in tensors)
    return {
        "channels_in": first.shape[1],
        "layers": halvings,
        "width": first.shape[0],
        "norm": "instance" if "model.3.bias" in tensors else "batch",
        "antialiased": True,
    }


def discriminator_modules(arguments: Mapping[str, Any]) -> Modules:
    """The same numbers: convolution, activation, blur; then convolution, norm, activation, blur; the last two without a blur."""
    layers, normed = arguments["layers"], arguments["norm"] == "batch"
    convs = [0, *(4 * number - 1 for number in range(1, layers + 1)), 4 * layers + 2]
    blurs = [4 * number - 2 for number in range(1, layers + 1)]
    norms = [conv + 1 for conv in convs[1:-1]] if normed else []
    return {f"layers.{number}": f"model.{number}" for number in (*convs, *blurs, *norms)}


LAYOUTS = (
    Layout(
        "cut-resnet",
        "the anti-aliased ResNet generator of PyTorch CUT",
        lambda tensors: "model.7.filt" in tensors and blocks_of(tensors)[:1] == [12],
        generator_arguments,
        generator_modules,
        network="antialiased-resnet",
        tested_at=(256, 256),  # bicubic, without a crop
        tidy=without_filters,
        to_theirs=with_filters,
    ),
    Layout(
        "cut-patchgan",
        "the anti-aliased PatchGAN of PyTorch CUT",
        lambda tensors: "model.0.weight" in tensors and "model.2.filt" in tensors,
        discriminator_arguments,
        discriminator_modules,
        tidy=without_filters,
        to_theirs=with_filters,
    ),
)
