"""Differentiable augmentation of what a discriminator sees (Zhao, Liu, Lin, Zhu, Han, NeurIPS 2020, arXiv 2006.10738).

Colours, place and a missing square are drawn anew for every picture. Fakes and real pictures both pass through it. So a generator
gains nothing by painting shifts or squares, and a discriminator cannot learn few pictures by heart.
Draws come from torch's generator, which a training step seeds by its address.
"""

import torch
from torch import Tensor

from diptych.networks.blocks import Maps

SHIFT = 0.125
"""The furthest shift, of a side."""
CUT = 0.2
"""Side of the square that is cut out, of the picture's."""


def augmented(pictures: Maps) -> Maps:
    """(batch, channels, H, W) in [-1, 1] to as many in float32; colours may leave that range, and what is missing is 0."""
    return cut_out(shifted(recoloured(pictures.float())))


def recoloured(pictures: Maps) -> Maps:
    """Brightness by up to 0.5 either way, saturation by a factor of 0 to 2, contrast by one of 0.5 to 1.5, in that order."""
    brightness, saturation, contrast = torch.rand(3, len(pictures), 1, 1, 1, device=pictures.device).unbind()
    pictures = pictures + (brightness - 0.5)
    grey = pictures.mean(1, keepdim=True)
    pictures = (pictures - grey) * (2 * saturation) + grey
    level = pictures.mean((1, 2, 3), keepdim=True)
    return (pictures - level) * (contrast + 0.5) + level


def shifted(pictures: Maps) -> Maps:
    """By whole pixels, down or up and to either side; zeros come in."""
    for axis in (2, 3):
        side = pictures.shape[axis]
        furthest = round(SHIFT * side)
        places = torch.arange(side, device=pictures.device) - drawn(pictures, 2 * furthest + 1) + furthest
        inside = (places >= 0) & (places < side)
        index = along(places.clamp(0, side - 1), axis).expand_as(pictures)
        pictures = pictures.gather(axis, index) * along(inside, axis)
    return pictures


def cut_out(pictures: Maps) -> Maps:
    """Zeros in a square whose middle lies anywhere in the picture."""
    missing = torch.ones((), dtype=torch.bool, device=pictures.device)
    for axis in (2, 3):
        side = pictures.shape[axis]
        length = round(CUT * side)
        first = drawn(pictures, side + 1 - length % 2) - length // 2
        places = torch.arange(side, device=pictures.device)
        missing = missing & along((places >= first) & (places < first + length), axis)
    return pictures * ~missing


def drawn(pictures: Maps, count: int) -> Tensor:
    """(batch, 1) whole numbers from 0 to ``count`` - 1, each as likely as the others."""
    return torch.randint(count, (len(pictures), 1), device=pictures.device)


def along(values: Tensor, axis: int) -> Tensor:
    """(batch, side) as (batch, 1, side, 1) or (batch, 1, 1, side)."""
    return values[:, None, :, None] if axis == 2 else values[:, None, None, :]
