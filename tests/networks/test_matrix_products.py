"""Convolutions as matrix products equal torch's, with their gradients, for many shapes."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import diptych.networks.matrix_products
from diptych.networks.matrix_products import Layer, use_products

Filter = nn.Conv2d | nn.ConvTranspose2d
ALL = ("columns", "folded", "weights")  # no set, whose order differs from process to process
BY_PRODUCTS: list[tuple[Filter, tuple[int, ...], tuple[str, ...]]] = [
    (nn.Conv2d(256, 512, 4, 2, 1, bias=False), (2, 256, 8, 8), ALL),
    (nn.Conv2d(256, 512, 4, 2, 1), (1, 256, 2, 2), ALL),
    (nn.Conv2d(320, 256, 3, 2, 0), (2, 320, 7, 6), ALL),  # a last row and column that nothing reaches
    (nn.ConvTranspose2d(512, 256, 4, 2, 1), (2, 512, 1, 1), ALL),
    (nn.ConvTranspose2d(512, 256, 3, 2, 1, output_padding=1), (2, 512, 5, 4), ALL),
    (nn.Conv2d(256, 256, 4, 2, 1), (3, 256, 6, 10), ("columns", "weights")),
    (nn.Conv2d(256, 512, 4, 1, 1), (2, 256, 16, 16), ("weights",)),
    (nn.Conv2d(64, 3, 7), (2, 64, 15, 12), ("weights",)),
    (nn.Conv2d(32, 1, 4, 1, 1), (2, 32, 9, 9), ("weights",)),
]
BY_THE_LIBRARY: list[tuple[Filter, tuple[int, ...]]] = [
    (nn.Conv2d(3, 64, 4, 2, 1), (1, 3, 16, 16)),
    (nn.Conv2d(8, 2, 1), (1, 8, 5, 5)),
    (nn.Conv2d(256, 512, 3, 1, 1), (1, 256, 8, 8)),
    (nn.Conv2d(256, 512, 3, 1, 1, groups=2), (1, 256, 4, 4)),
    (nn.Conv2d(256, 512, 3, 1, 2, dilation=2), (1, 256, 6, 6)),
    (nn.Conv2d(256, 512, 3, 1, "same"), (1, 256, 6, 6)),
    (nn.Conv2d(256, 512, (3, 1)), (1, 256, 6, 6)),
]


def noted(call: Callable[..., Tensor], calls: list[str], name: str) -> Callable[..., Tensor]:
    """``call``, with its name kept each time."""

    def wrapped(*given: Any) -> Tensor:
        calls.append(name)
        return call(*given)

    return wrapped


def results(network: nn.Module, maps: Tensor, precision: torch.dtype) -> dict[str, Tensor]:
    """The output and all gradients, of a loss that weighs every value differently."""
    network.zero_grad()
    maps = maps.clone(memory_format=torch.channels_last).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
        found = network(maps)
    torch.manual_seed(1)
    found.backward(torch.randn(found.shape).to(found.dtype))
    assert maps.grad is not None
    named = {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}
    return {"output": found.detach(), "input": maps.grad, **named}


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("layer", "shape"), [*((one, size) for one, size, _ in BY_PRODUCTS), *BY_THE_LIBRARY], ids=str)
def test_outputs_and_gradients(layer: Filter, shape: tuple[int, ...], precision: torch.dtype) -> None:
    torch.manual_seed(0)
    plain = layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stub lacks it
    ours = copy.deepcopy(plain)
    use_products(ours)
    maps = torch.randn(shape)
    expected, found = results(plain, maps, precision), results(ours, maps, precision)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        apart = (found[name].double() - value.double()).norm() / value.double().norm()
        assert apart < (1e-5 if precision is torch.float32 else 1e-2), name


@pytest.mark.parametrize(("layer", "shape", "products"), BY_PRODUCTS, ids=str)
def test_which_products_are_taken(
    layer: Filter, shape: tuple[int, ...], products: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted by calls: columns once for each product, folding once."""
    ours, taken = copy.deepcopy(layer), list[str]()
    use_products(ours)
    for name in ("columns", "folded"):
        plain = getattr(diptych.networks.matrix_products, name)
        monkeypatch.setattr(diptych.networks.matrix_products, name, noted(plain, taken, name))
    results(ours, torch.randn(shape), torch.float32)
    assert taken.count("folded") == ("folded" in products)
    assert taken.count("columns") == ("columns" in products) + ("weights" in products)


def test_what_an_update_does_not_ask_for_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradients of a discriminator's weights, when the generator is trained."""
    layer, asked = nn.Conv2d(256, 512, 4, 2, 1), list[str]()
    use_products(layer)
    monkeypatch.setattr(Layer, "to_weight", noted(Layer.to_weight, asked, "weights"))
    maps = nn.Parameter(torch.randn(1, 256, 4, 4))
    for precision in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision):
            found = layer(maps).sum()
        found.backward(inputs=[maps])
    assert not asked
    layer(maps).sum().backward(inputs=[layer.weight])
    assert asked


@pytest.mark.parametrize(("layer", "shape"), BY_THE_LIBRARY, ids=str)
def test_what_gains_nothing_is_left_to_the_library(layer: Filter, shape: tuple[int, ...]) -> None:
    network, maps = copy.deepcopy(layer), torch.randn(shape)
    use_products(network)
    assert torch.equal(network(maps), layer(maps))


@pytest.mark.parametrize(("layer", "shape"), [BY_PRODUCTS[place][:2] for place in (1, 3, 8)], ids=str)
def test_gradients_of_gradients(layer: Filter, shape: tuple[int, ...]) -> None:
    """As a gradient penalty needs them."""

    def penalty(network: nn.Module) -> list[Tensor]:
        torch.manual_seed(0)
        maps = torch.randn(shape, requires_grad=True)
        (gradient,) = torch.autograd.grad(network(maps).square().sum(), maps, create_graph=True)
        return list(torch.autograd.grad(gradient.square().sum(), list(network.parameters())))

    ours = copy.deepcopy(layer)
    use_products(ours)
    for expected, found in zip(penalty(layer), penalty(ours), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_names_weights_and_copies_stay_as_they_are() -> None:
    network = nn.Sequential(nn.Conv2d(256, 512, 4, 2, 1), nn.ReLU())
    names = list(network.state_dict())
    use_products(network)
    assert list(network.state_dict()) == names
    copied = copy.deepcopy(network)
    maps = torch.randn(1, 256, 4, 4)
    expected = network(maps)
    with torch.no_grad():
        network[0].weight.zero_()  # type: ignore[operator]  # a convolution's
    assert torch.equal(copied(maps), expected)
