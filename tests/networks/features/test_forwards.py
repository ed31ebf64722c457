"""The feature networks against second forward passes, written plainly from the published layer tables.

Weights are random, so no published file is needed; all is in float64, so that the two agree to rounding.
"""

from collections.abc import Callable
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks.features.efficientnet import EfficientNetLite0
from diptych.networks.features.fcn import FCN
from diptych.networks.features.inception import InceptionV3
from diptych.networks.features.squeezenet import TAPS as SQUEEZE_TAPS
from diptych.networks.features.squeezenet import SqueezeNet
from diptych.networks.features.vgg_alexnet import Tapped, alexnet, vgg16, vgg19

Weights = dict[str, Tensor]


Built = TypeVar("Built", bound=nn.Module)


def shaken(build: Callable[[], Built]) -> tuple[Built, Weights]:
    """The network in float64, with random weights and statistics that keep activations finite and non-zero."""
    with torch.device("meta"):
        network = build()
    generator = torch.Generator().manual_seed(0)
    network = network.to_empty(device="cpu").double().eval().requires_grad_(False)
    weights = dict(network.state_dict())
    for name, tensor in weights.items():
        noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        if name.endswith("running_var"):
            tensor.copy_(noise.square() + 0.5)
        elif tensor.dim() > 1:
            tensor.copy_(noise * (2 / tensor[0].numel()) ** 0.5)
        elif tensor.is_floating_point():
            tensor.copy_(noise * 0.1 + (1.0 if is_scale(name, weights) else 0.0))
    return network, weights


def is_scale(name: str, weights: Weights) -> bool:
    """Whether it is the factor of a batch norm."""
    return name.removesuffix("weight") + "running_var" in weights


def images(height: int, width: int) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1


def batch_norm(maps: Tensor, weights: Weights, name: str) -> Tensor:
    """With TensorFlow's epsilon of 0.001."""
    mean, variance, scale, shift = (
        weights[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (maps - mean) / (variance + 0.001).sqrt() * scale + shift


def agree(found: list[Tensor], expected: list[Tensor]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert other.std() > 1e-3  # a map that died would agree with anything
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


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


def conv(maps: Tensor, weights: Weights, name: str, stride: int = 1, padding: tuple[int, int] = (0, 0)) -> Tensor:
    """Inception's unit: convolution without bias, batch norm, ReLU."""
    filtered = functional.conv2d(maps, weights[f"{name}.conv.weight"], stride=stride, padding=padding)
    return batch_norm(filtered, weights, f"{name}.bn").clamp(min=0)


def mean_of_neighbours(maps: Tensor) -> Tensor:
    """3x3, over those that lie in the map."""
    ones = torch.ones(1, 1, 3, 3, dtype=maps.dtype)
    sums = functional.conv2d(maps.flatten(0, 1)[:, None], ones, padding=1).view_as(maps)
    return sums / functional.conv2d(torch.ones_like(maps[:1, :1]), ones, padding=1)


FIVES = (  # a branch a line: its convolutions, each with its kernel
    "branch1x1:1x1",
    "branch5x5_1:1x1 branch5x5_2:5x5",
    "branch3x3dbl_1:1x1 branch3x3dbl_2:3x3 branch3x3dbl_3:3x3",
)
TO_17 = (  # /2 halves, without padding
    "branch3x3:3x3/2",
    "branch3x3dbl_1:1x1 branch3x3dbl_2:3x3 branch3x3dbl_3:3x3/2",
)
SIXES = (
    "branch1x1:1x1",
    "branch7x7_1:1x1 branch7x7_2:1x7 branch7x7_3:7x1",
    "branch7x7dbl_1:1x1 branch7x7dbl_2:7x1 branch7x7dbl_3:1x7 branch7x7dbl_4:7x1 branch7x7dbl_5:1x7",
)
TO_8 = (
    "branch3x3_1:1x1 branch3x3_2:3x3/2",
    "branch7x7x3_1:1x1 branch7x7x3_2:1x7 branch7x7x3_3:7x1 branch7x7x3_4:3x3/2",
)
SEVENS = (
    "branch1x1:1x1",
    "branch3x3_1:1x1 branch3x3_2a:1x3",
    "branch3x3_1:1x1 branch3x3_2b:3x1",
    "branch3x3dbl_1:1x1 branch3x3dbl_2:3x3 branch3x3dbl_3a:1x3",
    "branch3x3dbl_1:1x1 branch3x3dbl_2:3x3 branch3x3dbl_3b:3x1",
)


def branch(maps: Tensor, weights: Weights, block: str, units: str) -> Tensor:
    for unit in units.split():
        name, kernel = unit.split(":")
        sides = tuple(int(side) for side in kernel.removesuffix("/2").split("x"))
        assert tuple(weights[f"{block}.{name}.conv.weight"].shape[2:]) == sides
        halves = kernel.endswith("/2")
        padding = (0, 0) if halves else (sides[0] // 2, sides[1] // 2)
        maps = conv(maps, weights, f"{block}.{name}", 2 if halves else 1, padding)
    return maps


def inception(maps: Tensor, weights: Weights) -> dict[str, Tensor]:
    """The graph of Szegedy et al., table 1, in the form of 2015-12-05: what each block gives, and the pooled features."""
    found: dict[str, Tensor] = {}
    maps = conv(maps, weights, "Conv2d_1a_3x3", stride=2)
    maps = conv(maps, weights, "Conv2d_2a_3x3")
    maps = functional.max_pool2d(conv(maps, weights, "Conv2d_2b_3x3", padding=(1, 1)), 3, 2)
    maps = conv(maps, weights, "Conv2d_3b_1x1")
    maps = functional.max_pool2d(conv(maps, weights, "Conv2d_4a_3x3"), 3, 2)
    blocks = {"5b": FIVES, "5c": FIVES, "5d": FIVES, "6a": TO_17, "6b": SIXES, "6c": SIXES, "6d": SIXES, "6e": SIXES}
    for number, branches in (blocks | {"7a": TO_8, "7b": SEVENS, "7c": SEVENS}).items():
        block = f"Mixed_{number}"
        parts = [branch(maps, weights, block, units) for units in branches]
        if number in ("6a", "7a"):
            parts.append(functional.max_pool2d(maps, 3, 2))
        else:
            pooled = functional.max_pool2d(maps, 3, 1, 1) if number == "7c" else mean_of_neighbours(maps)
            parts.append(conv(pooled, weights, f"{block}.branch_pool"))
        found[block] = maps = torch.cat(parts, 1)
    return found | {"pooled": maps.flatten(2).mean(2)}


def test_inception_of_2015() -> None:
    ours, weights = shaken(InceptionV3)
    expected = inception(images(91, 107), weights)
    found: dict[str, Tensor] = {}
    for name in expected.keys() - {"pooled"}:
        block = ours.get_submodule(name)
        block.register_forward_hook(lambda _module, _inputs, output, name=name: found.update({name: output}))
    found["pooled"] = ours(images(91, 107))
    agree([found[name] for name in expected], list(expected.values()))
    assert [maps.shape[1] for maps in expected.values()] == [256, 288, 288, *[768] * 5, 1280, 2048, 2048, 2048]
