"""Parts of the second forward passes of feature networks, in float64, with random weights."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

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
