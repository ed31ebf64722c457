"""Activation checkpointing (Chen et al. 2016, arXiv 1604.06174): blocks keep their input alone and run again in backward.

Networks need no code for it, since blocks follow from how they are built. Each element of a ``ModuleList`` is one (levels of a
U-Net, blocks of SPADE). In a ``Sequential``, each convolution or residual block is one, with what follows it up to the next.

The second run must repeat the first. torch sets random draws back; buffers are set back here, so running statistics and the
vectors of spectral normalisation move once. Weights are bitwise those without it.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

FILTERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
Places = list[tuple[nn.Module, str]]
"""Buffers, by the module that owns each and the name there."""


def recompute_blocks(module: nn.Module, listed: bool = False) -> None:
    """Have the blocks of ``module`` recompute their activations when training; names, weights and results stay as they are.

    Args:
        module: a system or a network.
        listed: whether it is an element of a ModuleList, hence a block itself.
    """
    if isinstance(module, nn.Sequential):
        blocks = [blockwise(layers) for layers in segments(module)]
        vars(module)["forward"] = partial(run_through, blocks)
    elif listed and filters(module) and not isinstance(module, nn.ModuleList | nn.ModuleDict):
        # A partial is copied with its module, a closure would not be.
        forward = vars(module).get("forward") or partial(type(module).forward, module)
        vars(module)["forward"] = partial(recomputed, forward, buffers_of([module]))
    else:
        for child in module.children():
            recompute_blocks(child, isinstance(module, nn.ModuleList))


def filters(module: nn.Module) -> bool:
    """Whether there is a convolution or a dense layer in it."""
    return any(isinstance(part, FILTERS) for part in module.modules())


def segments(layers: Sequence[nn.Module] | nn.Sequential) -> list[list[nn.Module]]:
    """Cut before each layer with a filter but the first, so that every segment has one."""
    found: list[list[nn.Module]] = [[]]
    for layer in layers:
        if filters(layer) and any(map(filters, found[-1])):
            found.append([])
        found[-1].append(layer)
    return found


def blockwise(layers: list[nn.Module]) -> Callable[[Any], Any]:
    """A segment as one function; a filter alone keeps nothing but its input anyway."""
    if len(layers) == 1 and not list(layers[0].children()):
        return layers[0]
    return partial(recomputed, partial(run_through, layers), buffers_of(layers))


def run_through(layers: Sequence[Callable[[Any], Any]], maps: Tensor) -> Tensor:
    for layer in layers:
        maps = layer(maps)
    return maps


def buffers_of(layers: Sequence[nn.Module]) -> Places:
    owners = [owner for layer in layers for owner in layer.modules()]
    return [(owner, name) for owner in owners for name, _ in owner.named_buffers(recurse=False)]


def recomputed(forward: Callable[..., Any], places: Places, *inputs: Any) -> Any:
    """Run ``forward``; where gradients are wanted, keep its inputs only."""
    if not torch.is_grad_enabled():
        return forward(*inputs)
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=partial(contexts, places))


def contexts(places: Places) -> tuple[nullcontext[None], "BuffersAsBefore"]:
    """Around the first run, and around the one in backward."""
    return nullcontext(), BuffersAsBefore(places, [getattr(owner, name).clone() for owner, name in places])


class BuffersAsBefore:
    """Within, the buffers are copies of what they were before the first run; afterwards they are the same tensors as before."""

    def __init__(self, places: Places, values: list[Tensor]) -> None:
        self.places = places
        self.values = values
        self.outside: list[Tensor] = []

    def __enter__(self) -> None:
        self.outside = [getattr(owner, name) for owner, name in self.places]
        self.put([value.clone() for value in self.values])

    def __exit__(self, *_: object) -> None:
        self.put(self.outside)
        self.outside = []

    def put(self, tensors: list[Tensor]) -> None:
        for (owner, name), tensor in zip(self.places, tensors, strict=True):
            setattr(owner, name, tensor)
