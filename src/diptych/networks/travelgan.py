"""The networks of TraVelGAN (Amodio and Krishnaswamy, CVPR 2019, arXiv 1902.09631), as in the authors' code.

Every convolution is 4x4 with stride 2 and a bias. Batch norm has a bias without a scale, and uses running averages at test
time. Generators are shallow U-Nets down to a side of 8. Discriminator and siamese network go down to a side of 4 and end in a
dense layer, so they judge whole pictures, not patches.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from diptych.networks.blocks import Maps, norm_of_batch
from diptych.networks.spectral import SpectralConv2d

DEVIATION = 0.02  # standard deviation of the initial weights


class OffsetNorm(nn.BatchNorm2d):
    """Batch norm without a scale, TensorFlow's default: decay 0.9, epsilon 0.001."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.1)
        self.register_parameter("weight", None)

    def reset_parameters(self) -> None:
        self.reset_running_stats()
        nn.init.zeros_(self.bias)

    def forward(self, maps: Maps) -> Maps:
        scale = torch.ones(self.num_features, device=maps.device)
        if self.training:
            return norm_of_batch(self, maps, scale)
        return nn.functional.batch_norm(
            maps, self.running_mean, self.running_var, scale, self.bias, False, 0.1, self.eps
        )


def convolution(channels_in: int, channels_out: int, spectral: bool = False) -> nn.Conv2d:
    """Halves both sides; weights from a normal cut off at two deviations."""
    kind = SpectralConv2d if spectral else nn.Conv2d
    layer = kind(channels_in, channels_out, 4, 2, 1)
    nn.init.trunc_normal_(layer.weight, 0.0, DEVIATION, -2 * DEVIATION, 2 * DEVIATION)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def transposed(channels_in: int, channels_out: int) -> nn.ConvTranspose2d:
    """Doubles both sides."""
    layer = nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1)
    nn.init.normal_(layer.weight, 0.0, DEVIATION)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def halvings(side: int, end: int) -> int:
    """Number of times that ``side`` is halved until it is ``end`` or less."""
    return max(math.ceil(math.log2(side / end)), 1)


class TravelUNet(nn.Module):
    """Pictures in [-1, 1] to pictures in [-1, 1]; height and width divisible by ``multiple``.

    Args:
        channels_in, channels_out: independent of each other.
        depth: number of times that the sides are halved; 4 for 128x128, for an innermost side of 8.
        width: channels of the first level; they double up to four times this.
    """

    def __init__(self, channels_in: int = 3, channels_out: int = 3, *, depth: int = 4, width: int = 64) -> None:
        super().__init__()
        self.multiple = self.min_size = 1 << depth
        channels = [width * min(2**level, 4) for level in range(depth)]
        self.down = nn.ModuleList()
        for level, out in enumerate(channels):
            layers: list[nn.Module] = [convolution(channels[level - 1] if level else channels_in, out)]
            layers += [OffsetNorm(out)] if level else []
            self.down.append(nn.Sequential(*layers, nn.LeakyReLU(0.2)))
        self.up = nn.ModuleList()  # innermost first
        into = channels[-1]
        for out in reversed(channels[:-1]):
            self.up.append(nn.Sequential(transposed(into, out), OffsetNorm(out), nn.ReLU()))
            into = 2 * out
        self.last = nn.Sequential(transposed(into, channels_out), nn.Tanh())

    def forward(self, source: Maps) -> Maps:
        maps, kept = source, []
        for level in self.down:
            maps = level(maps)
            kept.append(maps)
        kept.pop()
        for level in self.up:
            maps = torch.cat([level(maps), kept.pop()], dim=1)  # decoder first
        picture: Maps = self.last(maps)
        return picture


def trunk(channels: list[int], spectral: bool = False) -> nn.Sequential:
    """Convolutions from the first of ``channels`` on, each followed by norm and leaky ReLU."""
    layers: list[nn.Module] = []
    for into, out in pairwise(channels):
        layers += [convolution(into, out, spectral), OffsetNorm(out), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


class WholeDiscriminator(nn.Module):
    """Pictures of ``size`` to one logit each, (batch, 1)."""

    def __init__(self, channels_in: int, *, size: tuple[int, int], width: int = 64, spectral: bool = False) -> None:
        super().__init__()
        depth = halvings(min(size), 4)
        channels = [2 * width * min(2**level, 8) for level in range(depth)]
        self.first = nn.Sequential(convolution(channels_in, channels[0], spectral), nn.LeakyReLU(0.2))
        self.trunk = trunk(channels, spectral)
        self.dense = nn.Linear(channels[-1] * math.prod(side >> depth for side in size), 1)
        nn.init.normal_(self.dense.weight, 0.0, DEVIATION)
        nn.init.zeros_(self.dense.bias)

    def forward(self, pictures: Maps) -> Tensor:
        logits: Tensor = self.dense(self.trunk(self.first(pictures)).flatten(1))
        return logits


class Siamese(nn.Module):
    """Pictures of ``size`` to embeddings, (batch, latent). Each domain has its own first layer; the others are shared."""

    def __init__(
        self, channels_a: int, channels_b: int, *, size: tuple[int, int], width: int = 64, latent: int = 1000
    ) -> None:
        super().__init__()
        depth = halvings(min(size), 4)
        channels = [width * min(2**level, 8) for level in range(depth)]
        self.first = nn.ModuleDict(
            {name: convolution(count, channels[0]) for name, count in (("a", channels_a), ("b", channels_b))}
        )
        self.activation = nn.LeakyReLU(0.2)
        self.trunk = trunk(channels)
        self.dense = nn.Linear(channels[-1] * math.prod(side >> depth for side in size), latent)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, pictures: Maps, domain: str) -> Tensor:
        points: Tensor = self.dense(self.trunk(self.activation(self.first[domain](pictures))).flatten(1))
        return points
