"""The U-Net and encoder-decoder generators of pix2pix (Isola et al. 2017, section 6.1.1; Ronneberger et al. 2015).

With a style they take a vector of random numbers beside the picture, as BicycleGAN's generator does (Zhu et al. 2017).
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from diptych.networks.blocks import (
    Bias,
    Dropout,
    Maps,
    Norm,
    Statistics,
    Upsampling,
    depthwise,
    needs_bias,
    norm_layer,
    upsampling,
    upsampling_separable,
)
from diptych.networks.noise import normal

StyleAt = Literal["all", "first"]


class UNet(nn.Module):
    """Pictures in [-1, 1] to pictures in [-1, 1] of the same height and width, both divisible by ``multiple``.

    Args:
        channels_in, channels_out: independent of each other.
        depth: number of times that height and width are halved; 8 for 256x256 and 7 for 128x128 as published.
        width: channels of the first level; they double with each level up to eight times this.
        skips: False gives the encoder-decoder of the paper's Table 2.
        norm: after every convolution but the first, the innermost and the last.
        statistics: of batch norm at test time; "picture" is the paper's.
        dropout: decoder levels with dropout, 1 the innermost. (1, 2, 3) in the paper and its Torch and TensorFlow
            codes, (2, 3, 4) in the PyTorch code.
        dropout_at_test: keep dropout when translating, as the paper does.
        upsample: "transposed" is the paper's.
        bias: "auto" gives a convolution a bias unless batch norm follows (PyTorch code); "all" everywhere (Torch code).
        bottleneck_norm: normalise the innermost level too, as in the paper's experiments and the TensorFlow code.
        separable: all convolutions but the first and the last are a depthwise and a 1x1 one, for students (``diptych shrink``).
        style: numbers of a style, which is spread over the maps before convolutions of the encoder; 0 = none. Skips do not hold it.
        style_at: before the convolution of every level, or of the first alone.
    """

    style_fits_tiles = True
    """A style is a vector, which all tiles of a picture share."""

    def __init__(
        self,
        channels_in: int = 3,
        channels_out: int = 3,
        *,
        depth: int = 8,
        width: int = 64,
        skips: bool = True,
        norm: Norm = "batch",
        statistics: Statistics = "picture",
        dropout: Sequence[int] = (1, 2, 3),
        dropout_at_test: bool = True,
        upsample: Upsampling = "transposed",
        bias: Bias = "auto",
        bottleneck_norm: bool = False,
        separable: bool = False,
        style: int = 0,
        style_at: StyleAt = "all",
    ) -> None:
        super().__init__()
        self.style, self.style_levels = style, (depth if style_at == "all" else 1) if style else 0
        self.multiple = self.min_size = 1 << depth
        self.skips = skips
        channels = [width * min(2**level, 8) for level in range(depth)]  # of the encoder's outputs, outermost first
        normed = needs_bias(norm, bias)

        self.down = nn.ModuleList()
        for level, out in enumerate(channels):
            layers: list[nn.Module] = [] if level == 0 else [nn.LeakyReLU(0.2)]
            into = (channels[level - 1] if level else channels_in) + (style if level < self.style_levels else 0)
            if separable and level:
                mixed = nn.Conv2d(into, out, 1, bias=normed)
                layers.append(nn.Sequential(depthwise(into, 4, 2, 1, normed), mixed))
            else:
                # The PyTorch code gives the first and the innermost convolution the bias rule of the others.
                layers.append(nn.Conv2d(into, out, 4, 2, 1, bias=normed))
            if level > 0 and (level < depth - 1 or bottleneck_norm):
                layers.append(norm_layer(norm, out, statistics))
            self.down.append(nn.Sequential(*layers))

        self.up = nn.ModuleList()  # innermost first
        for number in range(1, depth + 1):
            level = depth - number
            into = channels[level] * (2 if skips and number > 1 else 1)
            last = level == 0
            out = channels_out if last else channels[level - 1]
            has_bias = last or normed
            if separable and not last:
                enlarging = upsampling_separable(upsample, into, out, has_bias)
            else:
                transposed = nn.ConvTranspose2d(into, out, 4, 2, 1, bias=has_bias)
                enlarging = upsampling(upsample, into, out, has_bias, transposed)
            layers = [nn.ReLU(), enlarging, nn.Tanh() if last else norm_layer(norm, out, statistics)]
            if number in dropout and not last:
                layers.append(Dropout(0.5, dropout_at_test))
            self.up.append(nn.Sequential(*layers))

        # Norms, before any dropout: in the middle of the encoder, and of the decoder's outer levels but the last.
        encoder = [f"down.{depth // 2}.2"] if 0 < depth // 2 < depth - 1 else []
        self.taps = (*encoder, *(f"up.{number}.2" for number in range(max(0, depth - 4), depth - 1)))

    @property
    def has_style(self) -> bool:
        return self.style > 0

    def sample_style(self, count: int, device: torch.device) -> Tensor:
        """One style from N(0, 1) for the whole batch, so that a picture's result does not depend on the batch."""
        return normal(self.style, device)[None].expand(count, -1)

    def forward(self, source: Maps, style: Tensor | None = None) -> Maps:
        """Translate. ``style`` is (batch, style); without it a network of styles samples one."""
        if self.style and style is None:
            style = self.sample_style(source.shape[0], source.device)
        maps = source
        kept: list[Tensor] = []
        for number, level in enumerate(self.down):
            if style is not None and number < self.style_levels:
                spread = style.to(maps.dtype)[:, :, None, None].expand(-1, -1, *maps.shape[2:])
                maps = torch.cat([maps, spread], dim=1)
            maps = level(maps)
            kept.append(maps)
        kept.pop()
        for number, level in enumerate(self.up):
            if number and self.skips:
                maps = torch.cat([kept.pop(), maps], dim=1)  # skip first, as in the PyTorch code
            maps = level(maps)
        return maps
