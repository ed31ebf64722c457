"""Tensors as rows of numbers in the order in which they lie in memory, and back."""

import torch
from torch import Tensor


def in_memory_order(tensor: Tensor) -> Tensor:
    """The same memory, as one row: (numbers,), in the order in which the numbers lie there.

    So Adam is given parameters and gradients. torch's fused Adam pairs them by their place in memory, whatever their layouts. On a
    processor it also copies every gradient that is not contiguous and does not use the copy, which takes a third of its time.
    """
    return tensor.as_strided((tensor.numel(),), (1,))


def laid_out_as(parameter: Tensor, tensor: Tensor) -> Tensor:
    """``tensor`` in the parameter's memory layout; a copy where it is another's, or another device's."""
    if tensor.stride() == parameter.stride() and tensor.device == parameter.device:
        return tensor
    return torch.empty_like(parameter).copy_(tensor)


def shaped_as(parameter: Tensor, flat: Tensor) -> Tensor:
    """The inverse of ``in_memory_order``: the row in the parameter's shape."""
    return flat.as_strided(parameter.shape, parameter.stride())
