"""A loss whose gradient is computed before an update of the networks it went through, and applied after that update."""

import torch
from jaxtyping import Float
from torch import Tensor


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
    assert seen.grad is not None
    gradient, seen.grad = seen.grad.float(), None
    first, *others = terms
    carrier = (gradient * (pictures - pictures.detach()).float()).sum()  # 0, and its gradient is the one that is given
    return {first: terms[first].detach() + carrier} | {name: terms[name].detach() for name in others}
