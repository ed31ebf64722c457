"""A loss whose gradient is computed before an update of the networks it went through, and applied after that update."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class DetachedLoss(torch.autograd.Function):
    """A scalar with a given gradient to some pictures, in the place of its graph."""

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
    """Compute the gradient of the terms to ``seen`` now. The graph stays for another loss; no weight gets a gradient.

    Args:
        terms: scalars that were computed from ``seen``; at least one.
        seen: ``pictures`` detached, with ``requires_grad``.
        pictures: what the result's gradient flows to.

    Returns:
        The same scalars, to be summed without weights: the first has the gradient of all of them, the others have none.
    """
    with torch.autocast(seen.device.type, enabled=False):
        # Not torch.autograd.grad, under which matrix products cannot tell whose gradients are wanted (networks/matrix_products.py).
        torch.stack(list(terms.values())).sum().backward(inputs=[seen], retain_graph=True)
    gradient, seen.grad = seen.grad, None
    first, *others = terms
    scalar: Tensor = DetachedLoss.apply(terms[first].detach(), pictures, gradient)  # type: ignore[no-untyped-call]  # torch leaves it so
    return {first: scalar} | {name: terms[name].detach() for name in others}
