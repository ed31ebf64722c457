"""The discriminator of OASIS: a U-Net that names the class of every pixel, or "fake" (Sushko, Schönfeld et al., ICLR 2021)."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from diptych.networks.blocks import Maps
from diptych.networks.spade import xavier_init
from diptych.networks.spectral import convolution

FACTORS = (1, 1, 2, 2, 4, 4)
"""Channels of each level over ``width``."""


class ResamplingBlock(nn.Module):
    """Two convolutions behind leaky ReLUs and a shortcut, that halve by averages or double by repetition.

    Args:
        channels_in, channels_out: a shortcut has a convolution where they differ.
        doubles: whether it doubles height and width.
        activated: whether the first convolution has a leaky ReLU before it; pictures have none.
        spectral: spectral normalisation of all its convolutions.
    """

    def __init__(self, channels_in: int, channels_out: int, doubles: bool, activated: bool, spectral: bool) -> None:
        super().__init__()
        self.doubles, self.activated = doubles, activated
        self.filters = nn.ModuleList(
            [
                convolution(spectral, channels_in, channels_out, 3, padding=1),
                convolution(spectral, channels_out, channels_out, 3, padding=1),
            ]
        )
        self.shortcut: nn.Module | None = None
        if channels_in != channels_out:
            self.shortcut = convolution(spectral, channels_in, channels_out, 1, bias=False)

    def forward(self, maps: Maps) -> Maps:
        direct = maps if self.shortcut is None else self.shortcut(maps)
        filtered = functional.leaky_relu(maps, 0.2) if self.activated else maps
        if self.doubles:
            direct, filtered = (
                functional.interpolate(one, scale_factor=2.0, mode="nearest") for one in (direct, filtered)
            )
        filtered = self.filters[1](functional.leaky_relu(self.filters[0](filtered), 0.2))
        total: Maps = direct + filtered
        return total if self.doubles else functional.avg_pool2d(total, 2)


class Segmenter(nn.Module):
    """Pictures to logits of every pixel, (batch, classes + 1, height, width); the last class is "fake".

    It never sees the class map. There is no norm, since batch norm would mix real and fake pictures.

    Args:
        channels_in: of the pictures.
        classes: of the class maps.
        levels: how often it halves height and width, 1 to 6.
        width: channels of the first level; the last have four times this.
        spectral: spectral normalisation of the blocks.
    """

    def __init__(
        self, channels_in: int, classes: int, *, levels: int = 6, width: int = 128, spectral: bool = True
    ) -> None:
        super().__init__()
        self.multiple = self.min_size = 2**levels
        down = [channels_in, *(factor * width for factor in FACTORS[:levels])]
        out = [*down[1:-1][::-1], width // 2]
        # Behind the innermost level each takes the halving level's maps of its size too.
        into = [down[-1], *(2 * channels for channels in out[:-1])]
        self.down = nn.ModuleList(
            [
                ResamplingBlock(*pair, doubles=False, activated=number > 0, spectral=spectral)
                for number, pair in enumerate(pairwise(down))
            ]
        )
        self.up = nn.ModuleList(
            [
                ResamplingBlock(*pair, doubles=True, activated=True, spectral=spectral)
                for pair in zip(into, out, strict=True)
            ]
        )
        self.last = nn.Conv2d(width // 2, classes + 1, 1)
        # SPADE's gain of 0.02 leaves weights so small that the discriminator's first updates replace them.
        xavier_init(self, gain=1.0)

    def forward(self, pictures: Maps) -> Maps:
        levels = [pictures]
        for block in self.down:
            levels.append(block(levels[-1]))
        maps = levels.pop()
        for number, block in enumerate(self.up):
            maps = block(torch.cat([maps, levels.pop()], 1) if number else maps)
        logits: Maps = self.last(maps)
        return logits
