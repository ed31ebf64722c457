"""A loss whose gradient is taken before the networks that it went through are updated, and used afterwards."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class DetachedLoss(torch.autograd.Function):
    """A scalar that says of itself how it changes with some pictures."""

    @staticmethod
    def forward(ctx: Any, scalar: Tensor, pictures: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return scalar.clone()

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[None, Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return None, given[0] * gradient, None


def detached_loss(
    terms: dict[str, Float[Tensor, ""]],
    seen: Float[Tensor, "batch channels height width"],
    pictures: Float[Tensor, "batch channels height width"],
) -> dict[str, Float[Tensor, ""]]:
    """Go backward from the terms to ``seen`` now; their graph stays for another loss, and no weight gets a gradient.

    Args:
        terms: scalars that were computed from ``seen``; at least one.
        seen: ``pictures`` detached, with ``requires_grad``.
        pictures: where the gradient goes on when the result is minimised.

    Returns:
        The same scalars, for a sum without weights: the first has the gradient of all of them, the others have none.
    """
    with torch.autocast(seen.device.type, enabled=False):
        # Not torch.autograd.grad, under which products cannot tell whose gradients are wanted (networks/products.py).
        torch.stack(list(terms.values())).sum().backward(inputs=[seen], retain_graph=True)
    gradient, seen.grad = seen.grad, None
    first, *others = terms
    scalar: Tensor = DetachedLoss.apply(terms[first].detach(), pictures, gradient)  # type: ignore[no-untyped-call]  # torch leaves it so
    return {first: scalar} | {name: terms[name].detach() for name in others}
