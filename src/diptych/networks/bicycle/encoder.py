"""The encoder of BicycleGAN (Zhu et al., NeurIPS 2017): a residual network from a picture to the distribution of its style."""

from itertools import pairwise

from torch import Tensor, nn

from diptych.networks.blocks import InstanceNorm, Maps

WIDEST = 4
"""Times its width the encoder's widest maps have."""
AVERAGED = 8
"""Side of the last maps at sides of 128 and 256; they are averaged whole, so any size is encoded."""
BLOCKS = 4
"""Residual blocks at sides of 256 and more, as published; 3 at 128."""


def blocks_for(size: tuple[int, int]) -> int:
    """Residual blocks for pictures of (height, width): as many as leave 8 pixels of the shorter side, from 1 to 4."""
    return min(max((min(size) // AVERAGED).bit_length() - 2, 1), BLOCKS)


class PooledBlock(nn.Module):
    """Norm, activation and convolution twice, halved by averaging, added to a halved shortcut."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            InstanceNorm(channels_in),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels_in, channels_in, 3, 1, 1),
            InstanceNorm(channels_in),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels_in, channels_out, 3, 1, 1),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels_in, channels_out, 1))

    def forward(self, maps: Maps) -> Maps:
        total: Maps = self.layers(maps) + self.shortcut(maps)
        return total


class StyleResNet(nn.Module):
    """Pictures (batch, channels, height, width) in [-1, 1] to mean and log-variance of their styles, (batch, style) each, float32.

    Args:
        style: numbers of a style.
        width: channels of the first layer; they grow by it up to four times.
        blocks: each halves the maps once more, after the first layer; see ``blocks_for``.
    """

    def __init__(self, channels_in: int, style: int, *, width: int = 64, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.min_size = 1 << (blocks + 1)
        widths = [width * min(number + 1, WIDEST) for number in range(blocks + 1)]
        halving = [PooledBlock(into, out) for into, out in pairwise(widths)]
        self.layers = nn.Sequential(nn.Conv2d(channels_in, width, 4, 2, 1), *halving, nn.LeakyReLU(0.2))
        self.mean = nn.Linear(widths[-1], style)
        self.log_variance = nn.Linear(widths[-1], style)

    def forward(self, pictures: Maps) -> tuple[Tensor, Tensor]:
        encoded: Tensor = self.layers(pictures).mean((2, 3))
        return self.mean(encoded).float(), self.log_variance(encoded).float()
