"""A small fully convolutional segmenter that begins with random weights, for losses on class maps.

It shares neither architecture nor first weights with the ``FCN`` that judges, so a loss through it does not flatter that score. As in FCN-8s
(Long, Shelhamer, Darrell, CVPR 2015), class scores of several strides are summed from coarse to fine.
"""

from jaxtyping import Float
from torch import Tensor, nn

from diptych.networks.blocks import InstanceNorm
from diptych.networks.contrastive.resampling import BlurUp

WIDTHS = (32, 64, 96)
"""Channels at the strides 1, 2 and 4."""
DILATIONS = (2, 4, 8)
"""Of the last convolutions, which see 127 pixels."""


class PlainFCN(nn.Module):
    """Pictures (batch, channels_in, H, W) in [-1, 1] to class logits (batch, classes, H, W)."""

    multiple = 4
    min_size = 8

    def __init__(self, channels_in: int, classes: int) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        context = (layer for dilation in DILATIONS for layer in step(coarse, coarse, dilation=dilation))
        self.stages = nn.ModuleList(
            [
                nn.Sequential(*step(channels_in, fine), *step(fine, fine)),
                nn.Sequential(*step(fine, middle, stride=2), *step(middle, middle)),
                nn.Sequential(*step(middle, coarse, stride=2), *context),
            ]
        )
        self.scores = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in WIDTHS)
        self.doubled = BlurUp()

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes height width"]:
        maps = []
        for stage in self.stages:
            images = stage(images)
            maps.append(images)
        found: Tensor = self.scores[-1](maps[-1])
        for score, finer in zip(reversed(self.scores[:-1]), reversed(maps[:-1]), strict=True):
            found = score(finer) + self.doubled(found)
        return found


def step(channels: int, out: int, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(channels, out, 3, stride, dilation, dilation), InstanceNorm(out), nn.ReLU()]
