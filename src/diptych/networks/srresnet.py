"""The networks of SRGAN (Ledig et al., CVPR 2017, arXiv 1609.04802, figure 4)."""

from typing import Literal

import torch
from torch import Tensor, nn

from diptych.networks.blocks import Bias, Maps, Residual, discriminator_layer, needs_bias, norm_layer

Slopes = Literal["one", "each"]


def prelu(channels: int, slopes: Slopes) -> nn.PReLU:
    """One learnt slope for all channels, or one for each."""
    return nn.PReLU(1 if slopes == "one" else channels)


def prime_factors(number: int) -> list[int]:
    """Prime factors in rising order; 8 gives 2, 2, 2."""
    found, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return found


def block(width: int, bias: bool, slopes: Slopes) -> Residual:
    """Convolution, norm, PReLU, convolution, norm, and the input added."""
    return Residual(
        nn.Conv2d(width, width, 3, padding=1, bias=bias),
        norm_layer("batch", width, "running"),
        prelu(width, slopes),
        nn.Conv2d(width, width, 3, padding=1, bias=bias),
        norm_layer("batch", width, "running"),
    )


class SRResNet(nn.Module):
    """Pictures in [-1, 1] of any size to pictures ``factor`` times as large. The output is not bounded to [-1, 1].

    Args:
        channels_in, channels_out: independent of each other.
        factor: any integer from 2 on; each of its prime factors is one sub-pixel convolution.
        blocks: residual blocks.
        width: channels throughout.
        bias: "all" gives every convolution one; "auto" not those before a norm (a later implementation).
        slopes: of the PReLUs; "one" for all channels or one for "each".
    """

    multiple = min_size = 1

    def __init__(
        self,
        channels_in: int = 3,
        channels_out: int = 3,
        *,
        factor: int = 4,
        blocks: int = 16,
        width: int = 64,
        bias: Bias = "all",
        slopes: Slopes = "one",
    ) -> None:
        super().__init__()
        has_bias = needs_bias("batch", bias)
        self.first = nn.Sequential(nn.Conv2d(channels_in, width, 9, padding=4), prelu(width, slopes))
        self.trunk = nn.Sequential(
            *[block(width, has_bias, slopes) for _ in range(blocks)],
            nn.Conv2d(width, width, 3, padding=1, bias=has_bias),
            norm_layer("batch", width, "running"),
        )
        self.enlarge = nn.Sequential()
        for prime in prime_factors(factor):
            convolution = nn.Conv2d(width, width * prime**2, 3, padding=1)
            self.enlarge.extend([convolution, nn.PixelShuffle(prime), prelu(width, slopes)])
        self.last = nn.Conv2d(width, channels_out, 9, padding=4)

    def forward(self, source: Maps) -> Maps:
        maps = self.first((source + 1) / 2)  # the paper's sources lie in [0, 1], its targets in [-1, 1]
        large: Maps = self.last(self.enlarge(maps + self.trunk(maps)))
        return large


class SRDiscriminator(nn.Module):
    """Whole pictures of one size to a logit each: eight convolutions, four of them strided, and two dense layers.

    Args:
        channels_in: of the pictures.
        size: height and width of the pictures, for the dense layer; 96x96 in the paper.
        width: channels of the first layer; they grow to eight times this.
        bias: as for SRResNet.
        pooled: average pooling before the dense layers, for pictures of any size (not in the paper).
    """

    def __init__(
        self,
        channels_in: int = 3,
        *,
        size: tuple[int, int] = (96, 96),
        width: int = 64,
        bias: Bias = "all",
        pooled: bool = False,
    ) -> None:
        super().__init__()
        has_bias = needs_bias("batch", bias)
        layers: list[nn.Module] = [nn.Conv2d(channels_in, width, 3, padding=1), nn.LeakyReLU(0.2)]
        channels = width
        for out, stride in ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2)):
            layers += discriminator_layer(channels, out * width, 3, stride, "batch", has_bias)
            channels = out * width
        height, wide = self.places = tuple(-(-side // 16) for side in size)
        self.layers = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d((height, wide)) if pooled else nn.Identity()
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * height * wide, 16 * width), nn.LeakyReLU(0.2), nn.Linear(16 * width, 1)
        )

    def forward(self, pictures: Maps) -> Tensor:
        maps = self.layers(pictures)
        # Pooling to the same size changes nothing, and its backward pass on GPUs is not deterministic.
        logits: Tensor = self.dense(maps if tuple(maps.shape[2:]) == self.places else self.pool(maps))
        return logits.to(torch.float32)
