"""Moving pictures by a field of displacements, and how rough such a field is."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Field = Float[Tensor, "batch 2 height width"]
"""In pixels: channel 0 down the rows, channel 1 across the columns. Where a pixel of the result is read from, less its place."""


def warp(pictures: Float[Tensor, "batch channels height width"], field: Field) -> Tensor:
    """Read each pixel at its place plus the field: bilinear, clamped at the border, float32 (RegGAN's code).

    Sides must be of 2 pixels or more.
    """
    height, width = field.shape[2:]
    with torch.autocast(field.device.type, enabled=False):
        field = field.float()
        rows = torch.arange(height, device=field.device, dtype=field.dtype)[:, None] + field[:, 0]
        columns = torch.arange(width, device=field.device, dtype=field.dtype) + field[:, 1]
        places = torch.stack([columns * (2 / (width - 1)) - 1, rows * (2 / (height - 1)) - 1], dim=3)
        return functional.grid_sample(
            pictures.float(), places, mode="bilinear", padding_mode="border", align_corners=True
        )


def roughness(field: Field) -> Float[Tensor, ""]:
    """Mean squared difference of neighbours, across plus down, each over both channels (RegGAN's smoothness term)."""
    field = field.float()
    return field.diff(dim=3).square().mean() + field.diff(dim=2).square().mean()
