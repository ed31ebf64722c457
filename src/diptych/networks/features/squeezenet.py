"""SqueezeNet 1.1 (Iandola et al. 2016, arXiv 1602.07360; version 1.1 of the authors' repository): features.

Module names are torchvision's. A small second network to judge with, where training has looked through another.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

POOLING = (0, 0, 0)
FIRES = (  # squeezed, expanded each way; POOLING stands between
    POOLING, (64, 16, 64), (128, 16, 64), POOLING, (128, 32, 128), (256, 32, 128), POOLING,
    (256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256),
)  # fmt: skip
TAPS = {1: 64, 4: 128, 7: 256, 9: 384, 10: 384, 11: 512, 12: 512}
"""The layers that LPIPS taps, and their channels."""


class Fire(nn.Module):
    """A squeezing 1x1 convolution, then 1x1 and 3x3 convolutions beside each other, all with ReLU."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        maps = functional.relu(self.squeeze(maps))
        return functional.relu(torch.cat([self.expand1x1(maps), self.expand3x3(maps)], 1))


class SqueezeNet(nn.Module):
    """(batch, 3, H, W), sides of 32 or more, to features."""

    def __init__(self) -> None:
        super().__init__()
        fires = [nn.MaxPool2d(3, 2, ceil_mode=True) if shape is POOLING else Fire(*shape) for shape in FIRES]
        self.features = nn.Sequential(nn.Conv2d(3, 64, 3, 2), nn.ReLU(), *fires)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 1000, 1))

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Seven maps, with the channels of TAPS."""
        maps = []
        for index, layer in enumerate(self.features):
            images = layer(images)
            if index in TAPS:
                maps.append(images)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """The pooled features of the last map, (batch, 512)."""
        return self.pyramid(images)[-1].mean((2, 3))

    def logits(self, images: Tensor) -> Tensor:
        """ImageNet logits, (batch, 1000), to check the weights."""
        return functional.relu(self.classifier(self.pyramid(images)[-1])).mean((2, 3))
