"""Moving pictures by a field of displacements, and how rough such a field is."""

import torch
from jaxtyping import Float
from torch import Tensor

Field = Float[Tensor, "batch 2 height width"]
"""In pixels: channel 0 down the rows, channel 1 across the columns. Where a pixel of the result is read from, less its place."""


def warp(pictures: Float[Tensor, "batch channels height width"], field: Field) -> Tensor:
    """Read each pixel at its place plus the field: bilinear, clamped at the border, float32 (RegGAN's code).

    Sides must be of 2 pixels or more. By gathers, since grid_sample has no gradient on GPUs that repeats.
    """
    height, width = field.shape[2:]
    field, pictures = field.float(), pictures.float()
    rows = (torch.arange(height, device=field.device)[:, None] + field[:, :1]).clamp(0, height - 1)
    columns = (torch.arange(width, device=field.device) + field[:, 1:]).clamp(0, width - 1)
    top, left = rows.detach().floor().clamp(max=height - 2), columns.detach().floor().clamp(max=width - 2)
    first = (top * width + left).long().flatten(2).expand(-1, pictures.shape[1], -1)
    flat = pictures.flatten(2)
    corners = [flat.gather(2, first + step).view_as(pictures) for step in (0, 1, width, width + 1)]
    down, across = rows - top, columns - left
    upper, lower = (one + across * (other - one) for one, other in (corners[:2], corners[2:]))
    moved: Tensor = upper + down * (lower - upper)
    return moved


SHOWN = 8.0
"""Pixels of displacement that are drawn in full colour; longer ones look the same."""


def drawn(field: Field) -> Float[Tensor, "batch 3 height width"]:
    """The field as colours in [-1, 1]: grey where nothing moves, the hue its direction (red across), the saturation its length."""
    down, across = field.float().unbind(1)
    length = torch.hypot(down, across)
    strength, angle = (length / SHOWN).clamp(max=1), torch.atan2(down, across)
    return torch.stack([strength * torch.cos(angle - turn * torch.pi * 2 / 3) for turn in range(3)], dim=1)


def roughness(field: Field) -> Float[Tensor, ""]:
    """Mean squared difference of neighbours, across plus down, each over both channels (RegGAN's smoothness term)."""
    field = field.float()
    return field.diff(dim=3).square().mean() + field.diff(dim=2).square().mean()
