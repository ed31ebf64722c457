"""Multiply-adds, beside figures from elsewhere and a count by hand."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from diptych.networks import NetworkSpec
from diptych.networks.noise import seeded
from diptych.pictures.kinds import Kind
from diptych.translator.card import Card
from diptych.translator.operations import cost_of


def card_of(network: str, side: int, multiple: int, **arguments: Any) -> Card:
    return Card("a-to-b", "generator", network, arguments, Kind(), Kind(), multiple, (side, side))


@pytest.mark.parametrize(
    ("arguments", "giga"),
    [
        ({}, 49.55),
        ({"separable": True}, 11.07),
        ({"separable": True, "width": 48}, 6.49),
        ({"separable": True, "width": 32}, 3.12),
        ({"separable": True, "width": 96}, 23.85),
    ],
)
def test_those_of_resnets_at_256(arguments: dict[str, Any], giga: float) -> None:
    """Within 1 % of GAN Compression's table once its transposed convolutions are counted at their input's positions."""
    assert round(cost_of(card_of("resnet", 256, 4, **arguments)).multiply_adds / 1e9, 2) == giga


@pytest.mark.parametrize("upsample", ["transposed", "resize", "shuffle"])
@pytest.mark.parametrize("separable", [False, True])
def test_those_of_a_unet_are_counted_by_hand(upsample: str, separable: bool) -> None:
    """Each output (of a transposed convolution each input) of each channel takes kernel x channels of its group."""
    card = card_of("unet", 32, 32, depth=5, width=4, upsample=upsample, separable=separable)
    counted = 0

    def add(layer: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal counted
        positions = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        height, width = positions.shape[2:]
        pairs = layer.in_channels * layer.out_channels // layer.groups
        counted += height * width * layer.kernel_size[0] * layer.kernel_size[1] * pairs

    network = card.spec.build().eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(partial(add))
    with torch.inference_mode(), seeded(0):
        network(torch.zeros(1, 3, 32, 32))
    weights = sum(tensor.numel() for name, tensor in network.named_parameters())
    assert cost_of(card) == (counted, weights)


def test_a_picture_of_another_size_is_padded_first() -> None:
    assert cost_of(card_of("resnet", 62, 4, width=4)) == cost_of(card_of("resnet", 64, 4, width=4))


def test_another_network_in_its_place() -> None:
    card, narrow = card_of("resnet", 32, 4, width=8), NetworkSpec("resnet", {"width": 4})
    assert cost_of(card, narrow) == cost_of(card_of("resnet", 32, 4, width=4))
