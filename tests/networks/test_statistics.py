"""Norms of large maps and of single values, against float64 and plain autograd."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks.blocks import BatchNorm, InstanceNorm, instance_norm
from diptych.networks.spectral import SyncBatchNorm
from diptych.networks.statistics import DIRECT, batch_norm, moments
from diptych.networks.travelgan import OffsetNorm


def plain(maps: Tensor, weight: Tensor | None, bias: Tensor | None, over: tuple[int, ...], eps: float = 1e-5) -> Tensor:
    """A norm, written out."""
    centred = maps - maps.mean(over, keepdim=True)
    found = centred / (centred.square().mean(over, keepdim=True) + eps).sqrt()
    for values, combined in ((weight, torch.mul), (bias, torch.add)):
        found = found if values is None else combined(found, values.view(1, -1, 1, 1))
    return found


def features(*shape: int) -> Tensor:
    """As after a ReLU, far from 0 on average, channels last."""
    maps = (torch.randn(*shape, generator=torch.Generator().manual_seed(0)) * 0.7 + 0.9).relu()
    return maps.contiguous(memory_format=torch.channels_last)


def error(found: Tensor, wanted: Tensor) -> float:
    return float(((found.double() - wanted).abs().max() / wanted.abs().max()).detach())


@pytest.mark.parametrize("side", [128, 256, 512, 1024])
def test_one_picture_of_any_size_against_float64(side: int) -> None:
    maps = features(1, 4, side, side)
    found = instance_norm(maps, None, None, 1e-5)
    assert error(found, plain(maps.double(), None, None, (2, 3))) < (1e-4 if side <= 256 else 1e-6)
    if side <= 256:  # where training mostly is, torch's own sums, and their speed
        assert torch.equal(found, functional.batch_norm(maps, None, None, None, None, True, 0.0, 1e-5))


@pytest.mark.parametrize("affine", [True, False])
def test_gradients_of_large_maps_against_float64(affine: bool) -> None:
    """First derivatives, and second ones as in a gradient penalty."""
    maps, slope = features(1, 4, 300, 301), torch.randn(1, 4, 300, 301)
    parameters = [torch.rand(4) + 0.5, torch.rand(4)] if affine else [None, None]

    def gradients(way: Callable[..., Tensor], kind: torch.dtype) -> list[Tensor]:
        inputs = [None if value is None else value.to(kind).requires_grad_() for value in (maps, *parameters)]
        found = torch.autograd.grad(
            (way(*inputs) * slope.to(kind)).sum(), [value for value in inputs if value is not None], create_graph=True
        )
        assert inputs[0] is not None
        return [*found, *torch.autograd.grad(found[0].square().sum(), inputs[0])]

    own = gradients(partial(instance_norm, eps=1e-5), torch.float32)
    wanted = gradients(partial(plain, over=(2, 3)), torch.float64)
    for one, other in zip(own, wanted, strict=True):
        assert error(one, other) < 1e-3


@pytest.mark.parametrize("layer", [BatchNorm(3), SyncBatchNorm(3), OffsetNorm(3)])
def test_large_batches_and_their_running_averages(layer: nn.BatchNorm2d) -> None:
    maps = features(8, 3, 256, 256)
    found = layer.train()(maps)
    assert error(found, plain(maps.double(), None, None, (0, 2, 3), layer.eps)) < 1e-6
    assert layer.running_mean is not None
    assert layer.running_var is not None
    assert layer.num_batches_tracked == 1
    exact = maps.double()
    assert error(layer.running_mean, 0.1 * exact.mean((0, 2, 3))) < 1e-6
    assert error(layer.running_var, 0.9 + 0.1 * exact.var((0, 2, 3))) < 1e-6


@pytest.mark.parametrize(("precision", "most"), [(torch.bfloat16, 4e-3), (torch.float64, 1e-12)])
def test_other_precisions(precision: torch.dtype, most: float) -> None:
    maps = features(1, 4, 300, 300).to(precision)
    found = batch_norm(maps, None, None, None, None, 0.0, 1e-5)
    assert found.dtype == precision
    assert error(found, plain(maps.double(), None, None, (2, 3))) < most


def test_means_far_from_0() -> None:
    far = features(1, 2, 512, 512) + 100
    mean, variance = moments(far)
    assert error(mean, far.double().mean((0, 2, 3))) < 1e-7
    assert error(variance, far.double().var((0, 2, 3), correction=0)) < 1e-5
    assert far[0, 0].numel() > DIRECT


@pytest.mark.parametrize(
    "layer",
    [InstanceNorm(3), InstanceNorm(3, affine=True), BatchNorm(3), BatchNorm(3).eval(), SyncBatchNorm(3), OffsetNorm(3)],
)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_single_numbers_are_scaled_to_nothing_and_pass_no_gradient(
    layer: nn.BatchNorm2d, precision: torch.dtype
) -> None:
    """A 1x1 map is its own mean: 0, whatever it holds, then scale and shift; by plain autograd its gradient is 0 too."""
    torch.manual_seed(0)
    numbers, slope = torch.randn(1, 3, 1, 1).to(precision), torch.randn(1, 3, 1, 1)
    parameters = list(layer.parameters())
    for value in parameters:
        nn.init.normal_(value)
    inputs = [numbers.requires_grad_(), *parameters]
    found = layer(numbers)
    gradients = torch.autograd.grad((found * slope).sum(), inputs)
    theirs = [value.detach().double().requires_grad_() for value in inputs]
    by_name = dict(zip(["maps", *(name for name, _ in layer.named_parameters())], theirs, strict=True))
    wanted = plain(by_name["maps"], by_name.get("weight"), by_name.get("bias"), (0, 2, 3))
    torch.testing.assert_close(found, wanted.to(precision))
    for one, other in zip(gradients, torch.autograd.grad((wanted * slope.double()).sum(), theirs), strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-6 if precision == torch.float32 else 1e-2, atol=1e-6)
    assert not gradients[0].any()


def test_single_numbers_of_several_pictures() -> None:
    numbers = torch.randn(4, 3, 1, 1, requires_grad=True)
    InstanceNorm(3)(numbers).sum().backward()
    assert numbers.grad is not None
    assert not numbers.grad.any()
