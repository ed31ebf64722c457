"""Metrics of two batches of pictures, a number for each pair. Pictures are float in [-1, 1]."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from diptych.errors import DiptychError
from diptych.machine.devices import matmul_precision

Images = Float[Tensor, "batch channels height width"]
Scores = Float[Tensor, "batch"]
Weights = Float[Tensor, "batch 1 height width"]

RANGE = 2.0  # from -1 to 1
WINDOW = 11


def mean(values: Images, weights: Weights | None) -> Scores:
    """The mean of each picture, weighted; NaN where all weights are 0."""
    if weights is None:
        return values.flatten(1).mean(1)
    return (values * weights).flatten(1).sum(1) / (weights.flatten(1).sum(1) * values.shape[1])


def l1(one: Images, other: Images, weights: Weights | None = None) -> Scores:
    """Mean absolute difference, in [0, 2]. ``weights`` are 1 where there is data, else 0, here and below."""
    return mean((one.float() - other.float()).abs(), weights)


def psnr(one: Images, other: Images, weights: Weights | None = None) -> Scores:
    """Peak signal-to-noise ratio in dB over all channels; infinite for equal pictures."""
    return 10 * torch.log10(RANGE**2 / mean((one.float() - other.float()).square(), weights))


def ssim(one: Images, other: Images, weights: Weights | None = None) -> Scores:
    """Structural similarity (Wang et al. 2004) of the pictures as light, black 0 and white 1: 11x11 Gaussian window of
    deviation 1.5, constants 0.01 and 0.03, the mean over channels and over the places where the window lies inside;
    smaller pictures get the largest odd window. With weights only windows count that have data everywhere."""
    maps = similarity_maps(one, other)[0]
    if weights is None:
        return mean(maps, None)
    height, width = (whole - part + 1 for whole, part in zip(one.shape[2:], maps.shape[2:], strict=True))
    return mean(maps, -functional.max_pool2d(-weights, (height, width), 1))


SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the five scales, from full size to a sixteenth (Wang et al. 2003)."""


def ms_ssim(one: Images, other: Images) -> Scores:
    """Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003), halved by 2x2 means between the scales.

    What is negative at a scale counts as 0.

    Raises:
        DiptychError: for pictures with a side under 161, whose smallest scale the window does not fit in.
    """
    height, width = one.shape[-2:]
    if min(height, width) <= WINDOW // 2 * 2 ** len(SCALES):
        raise DiptychError(f"MS-SSIM needs pictures with sides of 161 or more, not {width}x{height}.")
    one, other = one.float(), other.float()
    result = torch.ones(one.shape[0], one.shape[1], device=one.device)
    for scale, weight in enumerate(SCALES):
        whole, structure = similarity_maps(one, other)
        last = scale == len(SCALES) - 1
        result = result * (whole if last else structure).mean((2, 3)).clamp(min=0) ** weight
        one, other = functional.avg_pool2d(one, 2), functional.avg_pool2d(other, 2)
    return result.mean(1)


def similarity_maps(one: Images, other: Images) -> tuple[Tensor, Tensor]:
    """At each place and channel: structural similarity, and its part that compares contrast and structure.

    Luminance is compared by ratios of resources, which a shift changes: there black is 0 and white 1, as published. Contrast and
    structure know no shift; they are computed about each picture's mean, where float32 loses the least.
    """
    side = min(WINDOW, *one.shape[-2:])
    side -= 1 - side % 2
    at = torch.arange(side, device=one.device) - side // 2
    line = torch.exp(-at.square() / (2 * 1.5**2))
    line /= line.sum()
    channels = one.shape[1]
    rows = line.view(1, 1, side, 1).expand(channels, 1, side, 1)
    columns = line.view(1, 1, 1, side).expand(channels, 1, 1, side)

    def smooth(images: Tensor) -> Tensor:
        return functional.conv2d(functional.conv2d(images, rows, groups=channels), columns, groups=channels)

    lights = [(images.float() + 1) / RANGE for images in (one, other)]
    middles = [light.mean((2, 3), keepdim=True) for light in lights]
    one, other = (light - middle for light, middle in zip(lights, middles, strict=True))
    with matmul_precision("float32", one.device):  # differences of squares: the ten bits of a GPU's TF32 would not do
        first, second = smooth(one), smooth(other)
        variances = smooth(one * one) - first**2 + smooth(other * other) - second**2
        covariance = smooth(one * other) - first * second
    first, second = first + middles[0], second + middles[1]
    steady, contrast = 0.01**2, 0.03**2
    structure = (2 * covariance + contrast) / (variances + contrast)
    whole = (2 * first * second + steady) * (2 * covariance + contrast)
    return whole / ((first**2 + second**2 + steady) * (variances + contrast)), structure
