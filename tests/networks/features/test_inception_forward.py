"""Inception of 2015 against a second forward pass, written plainly from its layer tables."""

import torch
from plain_forwards import Weights, agree, batch_norm, images, shaken
from torch import Tensor
from torch.nn import functional

from diptych.networks.features.inception import InceptionV3


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
