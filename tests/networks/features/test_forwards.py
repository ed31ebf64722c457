"""The feature networks against second forward passes, written plainly from the published layer tables.

Weights are random, so no published file is needed; all is in float64, so that the two agree to rounding.
"""

from collections.abc import Callable

import pytest
import torch
from plain_forwards import Weights, agree, batch_norm, images, shaken
from torch import Tensor
from torch.nn import functional

from diptych.networks.features.efficientnet import EfficientNetLite0
from diptych.networks.features.fcn import FCN
from diptych.networks.features.squeezenet import TAPS as SQUEEZE_TAPS
from diptych.networks.features.squeezenet import SqueezeNet
from diptych.networks.features.vgg_alexnet import Tapped, alexnet, vgg16, vgg19

VGG16 = {  # configuration D: convolutions by block, and torchvision's number of each
    "conv1_1": 0, "conv1_2": 2, "pool1": 4, "conv2_1": 5, "conv2_2": 7, "pool2": 9,
    "conv3_1": 10, "conv3_2": 12, "conv3_3": 14, "pool3": 16, "conv4_1": 17, "conv4_2": 19, "conv4_3": 21, "pool4": 23,
    "conv5_1": 24, "conv5_2": 26, "conv5_3": 28,
}  # fmt: skip
VGG19 = {  # configuration E
    "conv1_1": 0, "conv1_2": 2, "pool1": 4, "conv2_1": 5, "conv2_2": 7, "pool2": 9,
    "conv3_1": 10, "conv3_2": 12, "conv3_3": 14, "conv3_4": 16, "pool3": 18,
    "conv4_1": 19, "conv4_2": 21, "conv4_3": 23, "conv4_4": 25, "pool4": 27,
    "conv5_1": 28, "conv5_2": 30, "conv5_3": 32, "conv5_4": 34,
}  # fmt: skip


@pytest.mark.parametrize(
    ("network", "table", "taps"),
    [
        (vgg16, VGG16, ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3")),
        (vgg19, VGG19, ("conv1_1", "conv2_1", "conv2_2", "conv3_1", "conv4_1", "conv5_1", "conv5_4")),
    ],
)
def test_vgg(network: Callable[[], Tapped], table: dict[str, int], taps: tuple[str, ...]) -> None:
    ours, weights = shaken(network)
    maps, expected = images(32, 35), []
    for layer, number in table.items():
        if layer.startswith("pool"):
            maps = functional.max_pool2d(maps, kernel_size=2, stride=2)
        else:
            kernel, bias = weights.pop(f"features.{number}.weight"), weights.pop(f"features.{number}.bias")
            maps = functional.conv2d(maps, kernel, bias, stride=1, padding=1).clamp(min=0)
        if layer in taps:
            expected.append(maps)
    assert weights == {}
    agree(ours(images(32, 35)), expected)


def test_alexnet() -> None:
    ours, weights = shaken(alexnet)
    maps, expected = images(96, 75), []
    for number, stride, padding in ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)):
        kernel, bias = weights.pop(f"features.{number}.weight"), weights.pop(f"features.{number}.bias")
        expected.append(functional.conv2d(maps, kernel, bias, stride=stride, padding=padding).clamp(min=0))
        maps = functional.max_pool2d(expected[-1], kernel_size=3, stride=2) if number < 6 else expected[-1]
    assert weights == {}
    agree(ours(images(96, 75)), expected)


SQUEEZENET = {  # table 1 of the paper with the poolings of version 1.1, and torchvision's number of each layer
    "pool1": 2, "fire2": 3, "fire3": 4, "pool3": 5, "fire4": 6, "fire5": 7, "pool5": 8, "fire6": 9, "fire7": 10, "fire8": 11, "fire9": 12,
}  # fmt: skip


@pytest.mark.parametrize("size", [(32, 35), (75, 96)])
def test_squeezenet(size: tuple[int, int]) -> None:
    ours, weights = shaken(SqueezeNet)

    def layer(maps: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        return functional.conv2d(maps, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, padding).clamp(min=0)

    maps = layer(images(*size), "features.0", stride=2)
    found = {"conv1": maps}
    for name, number in SQUEEZENET.items():
        if name.startswith("pool"):  # windows of 3 at every second place, also where they lie partly outside
            rows, columns = (-(-(side - 3) // 2) * 2 + 3 - side for side in maps.shape[2:])
            edged = functional.pad(maps, (0, columns, 0, rows), value=-torch.inf)
            maps = edged.unfold(2, 3, 2).unfold(3, 3, 2).amax((4, 5))
        else:
            squeezed = layer(maps, f"features.{number}.squeeze")
            both = [layer(squeezed, f"features.{number}.expand{k}x{k}", padding=k // 2) for k in (1, 3)]
            maps = torch.cat(both, 1)
        found[name] = maps
    expected = [found[name] for name in ("conv1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")]
    agree(ours.pyramid(images(*size)), expected)
    agree([ours(images(*size))], [maps.flatten(2).mean(2)])
    agree([ours.logits(images(*size))], [layer(maps, "classifier.1").flatten(2).mean(2)])
    assert [tap.shape[1] for tap in expected] == list(SQUEEZE_TAPS.values()) == [64, 128, 256, 384, 384, 512, 512]


FIRST, NEXT = (True, False), (True, True)
EFFICIENTNET = (  # of each block its kernel, stride, whether it expands, and whether its input is added
    *((3, 1, False, False), (3, 2, *FIRST), (3, 1, *NEXT), (5, 2, *FIRST), (5, 1, *NEXT)),
    *((3, 2, *FIRST), (3, 1, *NEXT), (3, 1, *NEXT), (5, 1, *FIRST), (5, 1, *NEXT), (5, 1, *NEXT)),
    *((5, 2, *FIRST), (5, 1, *NEXT), (5, 1, *NEXT), (5, 1, *NEXT), (3, 1, *FIRST)),
)


def same(maps: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """TensorFlow's "SAME" convolution, by the two cases of its documentation; depth-wise where the kernel has one channel."""
    side = kernel.shape[-1]
    rows, columns = (max(side - (length % stride or stride), 0) for length in maps.shape[-2:])
    padded = functional.pad(maps, (columns // 2, (columns + 1) // 2, rows // 2, (rows + 1) // 2))
    return functional.conv2d(padded, kernel, stride=stride, groups=maps.shape[1] // kernel.shape[1])


def efficientnet(maps: Tensor, weights: Weights) -> list[Tensor]:
    """The five maps before the next halving, and the pooled features."""

    def layer(values: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
        return batch_norm(same(values, weights[f"{conv}.weight"], stride), weights, norm)

    maps = layer(maps, "_conv_stem", "_bn0", 2).clamp(0, 6)
    found = []
    for number, (_, stride, expands, adds) in enumerate(EFFICIENTNET):
        inner, block = maps, f"_blocks.{number}"
        if stride == 2:
            found.append(maps)
        if expands:
            inner = layer(inner, f"{block}._expand_conv", f"{block}._bn0").clamp(0, 6)
        inner = layer(inner, f"{block}._depthwise_conv", f"{block}._bn1", stride).clamp(0, 6)
        inner = layer(inner, f"{block}._project_conv", f"{block}._bn2")
        maps = maps + inner if adds else inner
    head = layer(maps, "_conv_head", "_bn1").clamp(0, 6)
    return [*found, maps, head.sum((2, 3)) / (head.shape[2] * head.shape[3])]


@pytest.mark.parametrize("size", [(64, 32), (75, 49)])
def test_efficientnet_lite0(size: tuple[int, int]) -> None:
    ours, weights = shaken(EfficientNetLite0)
    *pyramid, pooled = efficientnet(images(*size), weights)
    agree(ours.pyramid(images(*size)), pyramid)
    agree([ours(images(*size))], [pooled])
    agree([ours.logits(images(*size))], [pooled @ weights["_fc.weight"].T + weights["_fc.bias"]])
    assert [taps.shape[1] for taps in pyramid] == [16, 24, 40, 112, 320]
    assert [weights[f"_blocks.{number}._depthwise_conv.weight"].shape[-1] for number in range(16)] == [
        kernel for kernel, *_ in EFFICIENTNET
    ]


def bilinear(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Each output from its two neighbours in either direction; pixels are areas, so the corners are not aligned."""
    for axis, length in ((2, size[0]), (3, size[1])):
        at = ((torch.arange(length, dtype=torch.float64) + 0.5) * maps.shape[axis] / length - 0.5).clamp(min=0)
        low = at.floor().long()
        high = (low + 1).clamp(max=maps.shape[axis] - 1)
        share = (at - low).view(-1, 1) if axis == 2 else at - low
        maps = maps.index_select(axis, low) * (1 - share) + maps.index_select(axis, high) * share
    return maps


def test_fcn() -> None:
    ours, weights = shaken(lambda: FCN(5))
    backbone = {name.removeprefix("backbone."): tensor for name, tensor in weights.items()}
    strides_of_4_to_32 = efficientnet(images(70, 50), backbone)[1:5]
    scores = []
    for number, maps in enumerate(strides_of_4_to_32):
        first, second = (
            (weights[f"scores.{number}.{place}.weight"], weights[f"scores.{number}.{place}.bias"]) for place in (0, 2)
        )
        scores.append(functional.conv2d(functional.conv2d(maps, *first).clamp(min=0), *second, padding=1))
    total = scores[3]
    for score in (scores[2], scores[1], scores[0]):
        total = bilinear(total, (score.shape[2], score.shape[3])) + score
    expected = bilinear(total, (70, 50))
    agree([ours(images(70, 50))], [expected])
    assert torch.equal(ours.classes(images(70, 50)), expected.argmax(1))
