"""The projected discriminator (Sauer, Chitta, Mueller, Geiger, NeurIPS 2021, arXiv 2111.01007).

Pictures are judged by maps of a frozen EfficientNet-Lite0 at four resolutions. Random layers that are never trained mix channels (CCM)
and, from coarse to fine, resolutions (CSM). A head judges each mixture, and the heads alone are trained.
The random layers are in the checkpoint; the pretrained network is not, as it is the same everywhere.
Layers and channels are those of the authors' code, whose CSM has 1x1 convolutions alone.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks.blocks import BatchNorm, Maps
from diptych.networks.diff_augment import augmented
from diptych.networks.features.efficientnet import TAPS
from diptych.networks.features.perceptual import PerceptualNetwork
from diptych.networks.spectral import SpectralConv2d

FEATURES = "efficientnet-lite0"
GIVEN = tuple(TAPS.values())[1:]
"""Channels of the network's maps, at strides 4, 8, 16 and 32."""
MIXED = (64, 128, 256, 512)
"""Channels behind CCM."""
JUDGED = (64, 64, 128, 256)
"""Channels behind CSM, which the heads see; each map has twice the sides of the network's."""
LEAST = 224
"""The shorter side to which smaller pictures are enlarged."""
GROUPS = 32
Heads = Literal["patch", "plain", "separable"]


class HeadNorm(BatchNorm):
    """Batch norm; a batch of one picture is normalised in groups of channels instead (Wu and He 2018), with the same weights."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, "running")

    def forward(self, maps: Maps) -> Maps:
        if self.training and len(maps) == 1:
            return functional.group_norm(maps, GROUPS, self.weight, self.bias, self.eps)
        return super().forward(maps)


class Mixing(nn.Module):
    """CCM and CSM: four maps, the finest first, to four; each but the coarsest holds something of all coarser ones."""

    def __init__(self) -> None:
        super().__init__()
        self.channels = nn.ModuleList(nn.Conv2d(*both, 1) for both in zip(GIVEN, MIXED, strict=True))
        self.scales = nn.ModuleList(nn.Conv2d(*both, 1) for both in zip(MIXED, JUDGED, strict=True))
        self.requires_grad_(False)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        found: list[Tensor] = []
        for level in reversed(range(len(maps))):
            own = self.channels[level](maps[level])
            own = found[-1] + own if found else own
            height, width = maps[level - 1].shape[-2:] if level else (2 * side for side in own.shape[-2:])
            found.append(self.scales[level](functional.interpolate(own, (height, width), None, "bilinear", True)))
        return found[::-1]


def block(form: Heads, given: int, out: int) -> list[nn.Module]:
    """Layers that halve the sides."""
    if form == "separable":
        depthwise = SpectralConv2d(given, given, 3, 1, 1, bias=False, groups=given)
        pointwise = SpectralConv2d(given, out, 1, bias=False)
        return [depthwise, pointwise, HeadNorm(out), nn.LeakyReLU(0.2), nn.AvgPool2d(2)]
    layers = [SpectralConv2d(given, out, 4, 2, 1), HeadNorm(out), nn.LeakyReLU(0.2)]
    if form == "patch":
        layers += [SpectralConv2d(out, out, 1, bias=False), HeadNorm(out), nn.LeakyReLU(0.2)]
    return layers


def head(form: Heads, level: int) -> nn.Sequential:
    """A head of the mixture number ``level``, of which 0 is the finest."""
    layers, channels = list[nn.Module](), JUDGED[level]
    for out in MIXED[-1:] if form == "patch" else MIXED[level:]:
        layers += block(form, channels, out)
        channels = out
    return nn.Sequential(*layers, SpectralConv2d(channels, 1, 4, bias=False))


class ProjectedDiscriminator(nn.Module):
    """RGB or grey pictures (batch, 1 or 3, H, W) in [-1, 1] to all logits of the four heads, (batch, logits).

    Args:
        heads: "plain", the paper's, narrow each map to the same small grid; "separable" are lighter. "patch" have one block
            alone, so that each logit judges a part.
        augment: in training, judge pictures that are augmented (``diff_augment``).

    Raises:
        DiptychError: when the weights of EfficientNet-Lite0 are missing.
    """

    multiple = min_size = 1

    def __init__(self, heads: Heads = "patch", *, augment: bool = True) -> None:
        super().__init__()
        self.augment = augment
        self.features = PerceptualNetwork(
            FEATURES
        )  # no module, so it never trains, and its norms keep their statistics
        self.mixing = Mixing()
        self.heads = nn.ModuleList(head(heads, level) for level in range(len(JUDGED)))

    def forward(self, pictures: Maps) -> Tensor:
        if self.training and self.augment:
            pictures = augmented(pictures)
        maps = self.mixing(self.features.maps(enlarged(pictures))[1:])
        return torch.cat([head(one).flatten(1) for head, one in zip(self.heads, maps, strict=True)], 1)


def enlarged(pictures: Maps) -> Maps:
    """Bilinearly, until the shorter side is LEAST; larger pictures stay as they are."""
    sides = pictures.shape[-2:]
    if min(sides) >= LEAST:
        return pictures
    wanted = [round(side * LEAST / min(sides)) for side in sides]
    return functional.interpolate(pictures, wanted, mode="bilinear", align_corners=False)
