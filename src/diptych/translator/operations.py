"""What a network costs: its multiply-adds and its weights, counted without running it."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from diptych.networks import NetworkSpec, on_meta_device
from diptych.networks.noise import seeded
from diptych.translator.card import Card


class Cost(NamedTuple):
    """Of translating one picture."""

    multiply_adds: int
    """Of convolutions and matrix products; a transposed convolution's are those of its input's positions."""
    weights: int
    """Numbers that are trained."""


def cost_of(card: Card, spec: NetworkSpec | None = None) -> Cost:
    """The cost of a card's network, or of another in its place, at the scale of training: by torch's counter on shapes alone.

    GAN Compression's tables count transposed convolutions at their output's positions, four times as many.
    """
    with on_meta_device(), torch.inference_mode(), seeded(0), FlopCounterMode(display=False) as counter:
        network = (spec or card.spec).build().eval()
        network(input_of(card))
    return Cost(counter.get_total_flops() // 2, sum(parameter.numel() for parameter in network.parameters()))


def input_of(card: Card) -> Tensor:
    """Zeros of the shape (1, channels, height, width) of a picture at the scale of training, as the network sees it."""
    sides = (-(-side // card.scale // card.multiple) * card.multiple for side in card.size)
    kind = torch.int32 if card.source.colour == "labels" else torch.float32
    return torch.zeros(1, card.source.network_channels, *sides, dtype=kind)
