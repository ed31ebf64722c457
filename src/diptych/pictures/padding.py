"""Padding to sizes that a network can halve as often as it needs."""

import torch
from torch import Tensor


def pad(images: Tensor, multiple: int) -> Tensor:
    """Pad at the right and below by reflection until ``multiple`` divides both sides."""
    height, width = images.shape[-2:]
    if height % multiple == 0 and width % multiple == 0:
        return images
    rows, columns = (reflected(size, multiple, images.device) for size in (height, width))
    return images.index_select(-2, rows).index_select(-1, columns)


def reflected(size: int, multiple: int, device: torch.device) -> Tensor:
    """For each row of the padded picture, the index of the original row (of ``size``) that it repeats."""
    places = torch.arange((size + multiple - 1) // multiple * multiple, device=device)
    return torch.where(places < size, places, (2 * (size - 1) - places).clamp(min=0))
