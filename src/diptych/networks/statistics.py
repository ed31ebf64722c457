"""Batch norm over large maps on a processor.

In channels-last layout torch adds up one number after another in float32, for each channel alone. So the error of mean and
variance grows with the area, to a thousandth at 1024x1024. Here such maps are added up in strips, and strips in float64.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

DIRECT = 256 * 256
"""Places (of all pictures together) up to which torch's own sums are taken, whose error stays under 1e-4."""
STRIP = 1 << 18
"""Numbers in a strip, which a core's cache holds."""


def batch_norm(
    maps: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
) -> Tensor:
    """``functional.batch_norm`` in training, with sums that stay exact for large maps; (batch, channels, height, width)."""
    places = maps.numel() // maps.shape[1]
    if maps.device.type != "cpu" or places <= DIRECT or maps.is_contiguous():
        return functional.batch_norm(maps, running_mean, running_var, weight, bias, True, momentum, eps)
    mean, variance = moments(maps)
    if running_mean is not None and running_var is not None:
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(variance * (places / (places - 1)), momentum)
    normalise: Callable[..., Tensor] = Normalised.apply
    return normalise(maps, weight, bias, mean, variance, eps)


@torch.no_grad()
def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(mean, biased variance) of each channel, float32 each, or float64 of such maps."""
    kind = torch.promote_types(maps.dtype, torch.float32)
    rows = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    total = torch.zeros(maps.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(total)
    strips = rows.split(max(STRIP // maps.shape[1], 1))
    for strip in strips:
        total += strip.sum(0, dtype=kind)
    mean = (total / len(rows)).to(kind)
    for strip in strips:
        squares += (strip - mean).square_().sum(0)
    return mean, (squares / len(rows)).to(kind)


class Normalised(torch.autograd.Function):
    """Maps less their mean over their deviation, which both depend on them; torch's own formula of the gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(maps, weight, mean, (variance + eps).rsqrt())
        ctx.eps = eps
        return functional.batch_norm(maps, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight, mean, scale = ctx.saved_tensors
        wanted = [ctx.needs_input_grad[0], weight is not None and ctx.needs_input_grad[1], ctx.needs_input_grad[2]]
        found = torch.ops.aten.native_batch_norm_backward(
            gradients[0], maps, weight, None, None, mean, scale, True, ctx.eps, wanted
        )
        return *found, None, None, None
