"""Adam (Kingma and Ba 2015, arXiv 1412.6980) by torch's fused kernel, in place."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from diptych.training.accelerate.memory_order import in_memory_order, laid_out_as

EPSILON = 1e-8


class Moments(NamedTuple):
    """What Adam knows of a parameter: rows of numbers in memory order, and how often it has been moved (a scalar)."""

    exp_avg: Tensor
    exp_avg_sq: Tensor
    step: Tensor

    @classmethod
    def zeros(cls, parameter: nn.Parameter) -> "Moments":
        row = in_memory_order(parameter.detach())
        return cls(torch.zeros_like(row), torch.zeros_like(row), torch.zeros((), device=row.device))


def fused_adam(
    parameters: Sequence[nn.Parameter], moments: Sequence[Moments], rate: Tensor, beta1: float, beta2: float
) -> None:
    """Move parameters, all of which have a gradient, and their moments; ``rate`` is a scalar on their device."""
    weights = [in_memory_order(parameter.detach()) for parameter in parameters]
    gradients = [in_memory_order(laid_out_as(each, each.grad)) for each in parameters if each.grad is not None]
    # The function, since constructing the class imports torch's compiler, which takes longer than the rest of the start.
    adam(
        weights,
        gradients,
        [moment.exp_avg for moment in moments],
        [moment.exp_avg_sq for moment in moments],
        [],
        [moment.step for moment in moments],
        fused=True,
        lr=rate,
        beta1=beta1,
        beta2=beta2,
        weight_decay=0.0,
        eps=EPSILON,
        amsgrad=False,
        maximize=False,
    )
    # The fused kernel leaves versions as they were, and a backward pass over older weights would go unnoticed.
    torch.autograd.graph.increment_version(weights)
