"""The networks of patch-based inpainting (Demir and Unal 2018, arXiv 1803.07422): a reconstruction.

The paper's abstract names residual learning in the generator, dilated and interpolated convolutions, and a global and a patch
discriminator that share their first layers. Finer details are chosen here (docs/inpainting.md).
"""

from itertools import cycle, islice
from typing import Literal

import torch
from torch import Tensor, nn

from diptych.networks.blocks import (
    Maps,
    Norm,
    Residual,
    Statistics,
    Upsampling,
    discriminator_layer,
    needs_bias,
    norm_layer,
)
from diptych.networks.resnet import conv7x7, resnet_layers

BlockKind = Literal["standard", "dilated", "dilated-first", "dilated-second"]
"""The paper's four kinds of residual block: neither, both, the first, or the second of its convolutions dilated."""
DILATIONS = (1, 2, 4, 8)
"""Of the residual blocks, in turn."""


def dilated_block(channels: int, kind: BlockKind, dilation: int, norm: Norm, statistics: Statistics) -> Residual:
    """Two 3x3 convolutions that keep height and width, added to the input."""

    def convolution(dilation: int) -> nn.Conv2d:
        bias = needs_bias(norm, "auto")
        return nn.Conv2d(channels, channels, 3, 1, dilation, dilation, bias=bias, padding_mode="replicate")

    return Residual(
        convolution(dilation if kind in ("dilated", "dilated-first") else 1),
        norm_layer(norm, channels, statistics),
        nn.ReLU(),
        convolution(dilation if kind in ("dilated", "dilated-second") else 1),
        norm_layer(norm, channels, statistics),
    )


class DilatedResNet(nn.Module):
    """A picture with a hole to a whole picture in [-1, 1].

    The last channel of the source is the mask, 1 in the hole and -1 outside.

    Args:
        channels_in: of the source, its mask included.
        channels_out: of the result.
        blocks: residual blocks, with dilations 1, 2, 4, 8 in turn.
        block: which of a block's convolutions are dilated.
        width: channels of the first layer.
        downs: how often the sides are halved, and doubled again.
        norm, statistics: of all layers but the last.
        upsample: "resize" is the paper's interpolated convolution.
        sees_mask: whether the mask is an input of the network.
        composite: keep the known pixels of the source.
    """

    def __init__(
        self,
        channels_in: int = 4,
        channels_out: int = 3,
        *,
        blocks: int = 9,
        block: BlockKind = "dilated",
        width: int = 64,
        downs: int = 2,
        norm: Norm = "batch",
        statistics: Statistics = "running",
        upsample: Upsampling = "resize",
        sees_mask: bool = True,
        composite: bool = True,
    ) -> None:
        super().__init__()
        self.multiple = 1 << downs
        self.min_size = max(self.multiple, 4)  # for reflection padding by three pixels
        self.sees_mask = sees_mask
        self.composite = composite
        bias = needs_bias(norm, "auto")

        def after(channels: int) -> list[nn.Module]:
            return [norm_layer(norm, channels, statistics), nn.ReLU()]

        seen = channels_in if sees_mask else channels_in - 1
        dilations = islice(cycle(DILATIONS), blocks)
        made = (dilated_block(width * self.multiple, block, dilation, norm, statistics) for dilation in dilations)
        layers = resnet_layers(seen, width, downs, made, after, upsample, bias)
        self.layers = nn.Sequential(*layers, *conv7x7(width, channels_out), nn.Tanh())

    def paint(self, source: Maps) -> Maps:
        """The network's output, known pixels included."""
        painted: Maps = self.layers(source if self.sees_mask else source[:, :-1])
        return painted

    def forward(self, source: Maps) -> Maps:
        painted = self.paint(source)
        return composited(painted, source) if self.composite else painted


def composited(painted: Tensor, source: Tensor) -> Tensor:
    """The painted picture inside the hole, the source outside."""
    return torch.where(source[:, -1:] > 0, painted, source[:, :-1].to(painted.dtype))


class TwoHeadedDiscriminator(nn.Module):
    """Shared strided convolutions, then a patch head with a map of logits and a global head with one logit.

    Args:
        channels_in: of the pictures.
        size: height and width of the pictures, for the global head.
        width: channels of the first layer.
        norm: from the second layer on.
        patch_dense: a fully connected layer over the patches, for which pictures must have ``size``.
    """

    def __init__(
        self,
        channels_in: int = 3,
        *,
        size: tuple[int, int] = (256, 256),
        width: int = 64,
        norm: Norm = "batch",
        patch_dense: bool = False,
    ) -> None:
        super().__init__()
        bias = needs_bias(norm, "auto")

        def layer(channels: int, out: int, stride: int) -> tuple[nn.Module, ...]:
            return discriminator_layer(channels, out, 4, stride, norm, bias)

        self.trunk = nn.Sequential(
            nn.Conv2d(channels_in, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            *layer(width, 2 * width, 2),
            *layer(2 * width, 4 * width, 2),
        )
        self.patch = nn.Sequential(*layer(4 * width, 8 * width, 1), nn.Conv2d(8 * width, 1, 4, 1, 1))
        if patch_dense:
            patches = (size[0] // 8 - 2) * (size[1] // 8 - 2)
            self.patch.extend([nn.Flatten(), nn.Linear(patches, patches)])
        deep = [layer(4 * width if number == 0 else 8 * width, 8 * width, 2) for number in range(3)]
        left = 8 * width * (size[0] // 64) * (size[1] // 64)
        self.whole = nn.Sequential(*[part for parts in deep for part in parts], nn.Flatten(), nn.Linear(left, 1))

    def forward(self, pictures: Maps) -> tuple[Tensor, Tensor]:
        """Logits of the whole pictures, (batch, 1), and of their patches."""
        shared = self.trunk(pictures)
        return self.whole(shared), self.patch(shared)
