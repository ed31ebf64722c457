"""Two batches of pictures in, one number for each picture out. All pictures are float in [-1, 1]."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Images = Float[Tensor, "batch channels height width"]
Scores = Float[Tensor, "batch"]

RANGE = 2.0  # from -1 to 1


def l1(one: Images, other: Images) -> Scores:
    """Mean absolute difference, in [0, 2]."""
    return (one.float() - other.float()).abs().flatten(1).mean(1)


def psnr(one: Images, other: Images) -> Scores:
    """Peak signal-to-noise ratio in dB over all channels; infinite for equal pictures."""
    error = (one.float() - other.float()).square().flatten(1).mean(1)
    return 10 * torch.log10(RANGE**2 / error)


def ssim(one: Images, other: Images) -> Scores:
    """Structural similarity (Wang et al. 2004): 11x11 Gaussian window of deviation 1.5, constants 0.01 and 0.03, the mean
    over channels and over the places where the window lies inside; smaller pictures get the largest odd window."""
    one, other = one.float(), other.float()
    side = min(11, *one.shape[-2:])
    side -= 1 - side % 2
    at = torch.arange(side, device=one.device) - side // 2
    line = torch.exp(-at.square() / (2 * 1.5**2))
    line /= line.sum()
    channels = one.shape[1]
    rows = line.view(1, 1, side, 1).expand(channels, 1, side, 1)
    columns = line.view(1, 1, 1, side).expand(channels, 1, 1, side)

    def smooth(images: Tensor) -> Tensor:
        return functional.conv2d(functional.conv2d(images, rows, groups=channels), columns, groups=channels)

    first, second = smooth(one), smooth(other)
    variances = smooth(one * one) - first**2 + smooth(other * other) - second**2
    covariance = smooth(one * other) - first * second
    steady, contrast = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2
    likeness = (2 * first * second + steady) * (2 * covariance + contrast)
    likeness = likeness / ((first**2 + second**2 + steady) * (variances + contrast))
    return likeness.flatten(1).mean(1)
