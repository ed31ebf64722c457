"""Pictures of any size, grown to what a network can halve as often as it does."""

import torch
from torch import Tensor


def pad(images: Tensor, multiple: int) -> Tensor:
    """Grow to the right and below, by reflection as far as the picture reaches, until ``multiple`` divides both sides."""
    height, width = images.shape[-2:]
    if height % multiple == 0 and width % multiple == 0:
        return images
    rows, columns = (reflected(size, multiple, images.device) for size in (height, width))
    return images.index_select(-2, rows).index_select(-1, columns)


def reflected(size: int, multiple: int, device: torch.device) -> Tensor:
    """Which of ``size`` rows stands where in a picture that was padded."""
    places = torch.arange((size + multiple - 1) // multiple * multiple, device=device)
    return torch.where(places < size, places, (2 * (size - 1) - places).clamp(min=0))
