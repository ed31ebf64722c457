"""Inception-v3 (Szegedy et al., CVPR 2016) in the form whose pooled features the published FID uses.

That form is TensorFlow's graph of 2015-12-05: average pooling does not count padding, and the last block has max pooling.
Module names are those of the converted weights that FID programs share (``pt_inception-2015-12-05``).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

Kernel = int | tuple[int, int]


class ConvNorm(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, kernel: Kernel, stride: int = 1) -> None:
        super().__init__()
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (0, 0) if stride == 2 else (sides[0] // 2, sides[1] // 2)
        self.conv = nn.Conv2d(channels_in, channels_out, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels_out, eps=1e-3)

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(images)))


Pool = Callable[[Tensor], Tensor]
average_pool: Pool = partial(functional.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
max_pool: Pool = partial(functional.max_pool2d, kernel_size=3, stride=1, padding=1)
max_pool_by_2: Pool = partial(functional.max_pool2d, kernel_size=3, stride=2)
Step = tuple[int, *tuple[Kernel, ...]]
"""A convolution's channels and kernel. Two kernels are a fork: both convolutions have the same input."""
Branches = Mapping[str, Sequence[Step]]


class Block(nn.Module):
    """Branches beside each other, each a chain of convolutions; ``branch_pool`` begins with ``pool``.

    ``stride`` is that of the last convolution of each branch.
    """

    def __init__(self, channels: int, pool: Pool, branches: Branches, stride: int = 1) -> None:
        super().__init__()
        self.pool = pool
        self.branches: dict[str, list[list[ConvNorm]]] = {}
        for branch, chain in branches.items():
            steps: list[list[ConvNorm]] = []
            into = channels
            for number, (out, *kernels) in enumerate(chain, 1):
                last = stride if number == len(chain) else 1
                steps.append([ConvNorm(into, out, kernel, last) for kernel in kernels])
                into = out
                for letter, layer in zip("ab" if len(kernels) > 1 else ("",), steps[-1], strict=True):
                    self.add_module(f"{branch}_{number}{letter}" if len(chain) > 1 else branch, layer)
            self.branches[branch] = steps

    def forward(self, images: Tensor) -> Tensor:
        parts = []
        for branch, steps in self.branches.items():
            ends = [self.pool(images) if branch == "branch_pool" else images]
            for step in steps:
                ends = [layer(ends[0]) for layer in step]
            parts += ends
        return torch.cat(parts, 1)


def block_a(channels: int, pooled: int) -> Block:
    """35x35: branches of 1x1, 5x5, two 3x3, and pooling."""
    branches: Branches = {
        "branch1x1": [(64, 1)],
        "branch5x5": [(48, 1), (64, 5)],
        "branch3x3dbl": [(64, 1), (96, 3), (96, 3)],
        "branch_pool": [(pooled, 1)],
    }
    return Block(channels, average_pool, branches)


def block_b(channels: int) -> Block:
    """35x35 to 17x17."""
    branches: Branches = {"branch3x3": [(384, 3)], "branch3x3dbl": [(64, 1), (96, 3), (96, 3)], "branch_pool": []}
    return Block(channels, max_pool_by_2, branches, stride=2)


def block_c(channels: int, inner: int) -> Block:
    """17x17 with 1x7 and 7x1 kernels."""
    branches: Branches = {
        "branch1x1": [(192, 1)],
        "branch7x7": [(inner, 1), (inner, (1, 7)), (192, (7, 1))],
        "branch7x7dbl": [(inner, 1), (inner, (7, 1)), (inner, (1, 7)), (inner, (7, 1)), (192, (1, 7))],
        "branch_pool": [(192, 1)],
    }
    return Block(channels, average_pool, branches)


def block_d(channels: int) -> Block:
    """17x17 to 8x8."""
    branches: Branches = {
        "branch3x3": [(192, 1), (320, 3)],
        "branch7x7x3": [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)],
        "branch_pool": [],
    }
    return Block(channels, max_pool_by_2, branches, stride=2)


def block_e(channels: int, pool: Pool) -> Block:
    """8x8 with branches that fork. The last two blocks of the 2015 graph differ in their pooling alone."""
    branches: Branches = {
        "branch1x1": [(320, 1)],
        "branch3x3": [(384, 1), (384, (1, 3), (3, 1))],
        "branch3x3dbl": [(448, 1), (384, 3), (384, (1, 3), (3, 1))],
        "branch_pool": [(192, 1)],
    }
    return Block(channels, pool, branches)


class InceptionV3(nn.Module):
    """(batch, 3, 299, 299) in [-1, 1] to the pooled features, (batch, 2048)."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvNorm(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = ConvNorm(32, 32, 3)
        self.Conv2d_2a_3x3.conv.padding = (0, 0)
        self.Conv2d_2b_3x3 = ConvNorm(32, 64, 3)
        self.Conv2d_3b_1x1 = ConvNorm(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvNorm(80, 192, 3)
        self.Conv2d_4a_3x3.conv.padding = (0, 0)
        self.Mixed_5b = block_a(192, 32)
        self.Mixed_5c = block_a(256, 64)
        self.Mixed_5d = block_a(288, 64)
        self.Mixed_6a = block_b(288)
        self.Mixed_6b = block_c(768, 128)
        self.Mixed_6c = block_c(768, 160)
        self.Mixed_6d = block_c(768, 160)
        self.Mixed_6e = block_c(768, 192)
        self.Mixed_7a = block_d(768)
        self.Mixed_7b = block_e(1280, average_pool)
        self.Mixed_7c = block_e(2048, max_pool)
        self.fc = nn.Linear(2048, 1008)

    def forward(self, images: Tensor) -> Tensor:
        x = max_pool_by_2(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images))))
        x = max_pool_by_2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        pooled: Tensor = x.mean((2, 3))
        return pooled
