"""The registration network of RegGAN (Kong et al., NeurIPS 2021): from a translation and its target to the field between them."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks.blocks import Maps, Residual
from diptych.networks.registration.warp import Field
from diptych.networks.resnet import residual_block

SLOPE = 0.2
NEAR_ZERO = 1e-5
"""Of the last convolution's first weights."""
LEVELS = 7
"""Halvings at sides of 256 and more, as published."""
INNERMOST = 2
"""The fewest pixels of a side that the halvings leave: residual blocks reflect one."""


def levels_for(size: tuple[int, int]) -> int:
    """Halvings for pictures of (height, width): as published, or as many as leave two pixels of the shorter side."""
    return min(LEVELS, max((min(size) // INNERMOST).bit_length() - 1, 1))


def conv(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, kernel, 1, kernel // 2), nn.LeakyReLU(SLOPE))


def residual(channels: int) -> Residual:
    return residual_block(channels, "instance", "picture", False, True, [])


class RegistrationUNet(nn.Module):
    """Two pictures of (batch, channels, height, width) to a field in pixels, (batch, 2, height, width).

    It begins with fields of hardly any length, since its last weights are drawn from N(0, NEAR_ZERO^2).

    Args:
        channels: of each of the two pictures.
        levels: halvings; both sides must leave two pixels.
        width: channels of the first level; further ones have twice as many, the innermost four times.
    """

    def __init__(self, channels: int, *, levels: int = LEVELS, width: int = 32) -> None:
        super().__init__()
        self.min_size = INNERMOST * 2**levels
        self.multiple = 1
        widths = [width] + [2 * width] * (levels - 1)
        inputs = [2 * channels, *widths[:-1]]
        self.down = nn.ModuleList(
            nn.Sequential(conv(there, here), residual(here)) for there, here in zip(inputs, widths, strict=True)
        )
        inner = [residual(4 * width) for _ in range(3)]
        self.bottom = nn.Sequential(conv(widths[-1], 4 * width, 1), *inner, conv(4 * width, 2 * width, 1))
        self.up = nn.ModuleList(conv(2 * width + here, here if here == width else 2 * width) for here in widths[::-1])
        self.last = nn.Sequential(residual(width), conv(width, width, 1), nn.Conv2d(width, 2, 3, 1, 1))
        self.draw_weights()

    def draw_weights(self) -> None:
        """Kaiming's rule by the slope of the activation behind, zero biases, and a last convolution near zero."""
        for module in self.modules():
            if isinstance(module, Residual):
                for part in module.modules():
                    if isinstance(part, nn.Conv2d):
                        nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            elif isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d):
                nn.init.kaiming_normal_(module[0].weight, SLOPE)
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.zeros_(module.bias)
        last = self.last[-1]
        assert isinstance(last, nn.Conv2d)
        nn.init.normal_(last.weight, 0.0, NEAR_ZERO)

    def forward(self, fake: Maps, target: Maps) -> Field:
        maps = torch.cat([fake, target.to(fake.dtype)], dim=1)
        skips: list[Tensor] = []
        for level in self.down:
            skips.append(level(maps))
            maps = functional.max_pool2d(skips[-1], 2)
        maps = self.bottom(maps)
        for level, skip in zip(self.up, reversed(skips), strict=True):
            maps = functional.interpolate(maps, skip.shape[2:], mode="bilinear", align_corners=False)
            maps = level(torch.cat([maps, skip], dim=1))
        field: Field = self.last(maps)
        return field
