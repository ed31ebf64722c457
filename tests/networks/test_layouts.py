"""Memory layout changes speed alone: gradients in channels-last layout equal those of the default layout.

torch 2.13's instance norm fails this for a batch of one on a CPU, silently; hence a test of every network and layer.
"""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from diptych.networks import PatchGAN, ResNet, UNet, initialise
from diptych.networks.blocks import BatchNorm, InstanceNorm
from diptych.networks.contrastive.resnet import AntialiasedResNet

NETWORKS = [
    *[UNet(3, 3, depth=4, width=4, norm=norm, dropout=()) for norm in ("batch", "instance", "none")],
    *[UNet(3, 3, depth=4, width=4, norm="instance", dropout=(), upsample=way) for way in ("resize", "shuffle")],
    *[ResNet(3, 3, blocks=2, width=4, norm=norm, affine=norm == "instance") for norm in ("batch", "instance", "none")],
    *[ResNet(3, 3, blocks=2, width=4, upsample=way) for way in ("transposed", "resize", "shuffle")],
    *[PatchGAN(3, layers=layers, width=4, norm="instance") for layers in (0, 1, 3)],
    PatchGAN(3, layers=2, width=4, norm="instance", antialiased=True),
    AntialiasedResNet(blocks=2, width=4),
]
LAYERS = [BatchNorm(3), InstanceNorm(3), InstanceNorm(3, affine=True), BatchNorm(3, "running"), BatchNorm(3).eval()]


def gradients(network: nn.Module, batch: int, layout: torch.memory_format) -> list[torch.Tensor]:
    network = copy.deepcopy(network).double().to(memory_format=layout)  # type: ignore[call-overload]
    generator = torch.Generator().manual_seed(3)
    source = torch.randn(batch, 3, 32, 32, generator=generator, dtype=torch.float64)
    source = source.contiguous(memory_format=layout).requires_grad_()
    result: Any = network(source)
    weights = torch.randn(result.shape, generator=generator, dtype=torch.float64)
    result.backward(weights.contiguous(memory_format=layout))
    leaves = [source, *network.parameters()]
    return [result.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("network", [*NETWORKS, *LAYERS], ids=lambda network: type(network).__name__)
def test_channels_last_changes_no_gradient(network: nn.Module, batch: int) -> None:
    torch.manual_seed(0)
    initialise(network, gain=0.2)
    expected = gradients(network, batch, torch.contiguous_format)
    found = gradients(network, batch, torch.channels_last)
    assert len(found) == len(expected) > 1
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-9)
