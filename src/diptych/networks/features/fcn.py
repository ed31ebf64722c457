"""A fully convolutional segmenter (Long, Shelhamer and Darrell, CVPR 2015) on EfficientNet-Lite0.

As in FCN-8s, class scores of maps of several strides are summed from coarse to fine. The finest stride is 4, since windows and
balconies are small.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks.features.efficientnet import TAPS, EfficientNetLite0

STRIDES = 4  # of the five maps, the coarsest four: strides 4, 8, 16, 32


class FCN(nn.Module):
    """RGB pictures (batch, 3, H, W) in [-1, 1] to class logits (batch, classes, H, W)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0()
        self.scores = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, 64, 1), nn.ReLU(), nn.Conv2d(64, classes, 3, padding=1))
            for channels in list(TAPS.values())[-STRIDES:]
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.backbone.pyramid(images)[-STRIDES:]
        logits: Tensor = self.scores[-1](maps[-1])
        for score, features in zip(reversed(self.scores[:-1]), reversed(maps[:-1]), strict=True):
            finer: Tensor = score(features)
            logits = finer + functional.interpolate(logits, finer.shape[-2:], mode="bilinear", align_corners=False)
        return functional.interpolate(logits, images.shape[-2:], mode="bilinear", align_corners=False)

    def train(self, mode: bool = True) -> "FCN":
        """The backbone keeps its batch statistics of ImageNet, which are better than those of a few hundred pictures."""
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    @torch.inference_mode()
    def classes(self, images: Tensor) -> Tensor:
        """The class of each pixel, (batch, H, W)."""
        logits: Tensor = self(images.contiguous(memory_format=torch.channels_last))
        return logits.argmax(1)
