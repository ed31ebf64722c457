"""Metrics of restoration: super-resolution on luma without the border, and inpainting inside and outside the hole.

Pictures are (1, channels, H, W) in [-1, 1]; each measure is one number.
"""

import numpy as np
import torch
from torch import Tensor

from diptych.evaluation import paired
from diptych.pictures.resizing import resize

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Of 8-bit RGB; white is 235 and black 16 (ITU-R BT.601, studio swing)."""


def luma(rgb: Tensor) -> Tensor:
    """(1, 1, H, W) in 8-bit levels, from RGB rounded to 8 bits as a file would hold it."""
    levels = ((rgb + 1) * 127.5).round().clamp(0, 255)
    weights = torch.tensor(LUMA, device=rgb.device)[:, None, None]
    return 16 + (levels * weights).sum(1, keepdim=True)


def luma_within(rgb: Tensor, border: int) -> Tensor:
    """The luma in [-1, 1] without ``border`` pixels at each side: the protocol of the super-resolution papers."""
    return luma(rgb)[..., border:-border, border:-border] / 127.5 - 1


def bicubic(source: Tensor, factor: int) -> Tensor:
    """RGB enlarged by bicubic interpolation in 8 bits: the baseline."""
    levels = ((source[0] + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
    large = resize(np.ascontiguousarray(levels), levels.shape[0] * factor, levels.shape[1] * factor)
    return torch.from_numpy(large).to(source.device).permute(2, 0, 1)[None].float() / 127.5 - 1


def hole_of(source: Tensor) -> Tensor:
    """(1, 1, H, W) bool, from the last channel of a holed source."""
    return source[:, -1:] > 0


def filled_with_mean(source: Tensor) -> Tensor:
    """The hole filled with the mean colour of the known pixels: the baseline."""
    hole, colours = hole_of(source), source[:, :-1]
    known = (~hole).float()
    mean = (colours * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
    return torch.where(hole, mean, colours)


def l1_in(output: Tensor, target: Tensor, region: Tensor) -> float:
    """Mean absolute difference where ``region`` is true; NaN where it is nowhere."""
    return float((output - target).abs().mean(1, keepdim=True)[region].mean())


def psnr_in(output: Tensor, target: Tensor, region: Tensor) -> float:
    error = (output - target).square().mean(1, keepdim=True)[region].mean()
    return float(10 * torch.log10(paired.RANGE**2 / error))


def ssim_in(output: Tensor, target: Tensor, region: Tensor) -> float:
    """The mean of the map of structural similarity over the region's places, whose windows reach over its edge."""
    places = paired.similarity_maps(output, target)[0].mean(1, keepdim=True)
    rows, columns = ((whole - part) // 2 for whole, part in zip(region.shape[2:], places.shape[2:], strict=True))
    seen = region[:, :, rows : rows + places.shape[2], columns : columns + places.shape[3]]
    return float(places[seen].mean())
