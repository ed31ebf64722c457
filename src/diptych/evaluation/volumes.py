"""Scores of volumes inside a mask, as the SynthRAD challenges of 2023 and 2025 define them.

Written from their formulas: Thummerer et al. 2023 (doi:10.1002/mp.16529) and the challenges' evaluation pages. Volumes are (slices, rows,
columns) in the unit of the values. The years differ in the range of values, and in the structural score:

- 2023: HU from -1024 to 3000, SSIM with a uniform window of 7x7x7 voxels;
- 2025: HU from -1024 to 3071, MS-SSIM of five scales, in which the luminance counts at every scale.

MAE is of the values as they are; the others are of values clipped to the range. Maps are made slab by slab.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Volume = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
WINDOW = 7
HALF = WINDOW // 2
K1, K2 = 0.01, 0.03
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales (Wang et al. 2003)."""
LEAST_SIDE = 97  # voxels, to which MS-SSIM pads at the edges: the window is 7 at the fifth scale
SLAB_VOXELS = 4_000_000
Float64 = npt.NDArray[np.float64]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Protocol:
    """The range of values, and which scores there are."""

    name: str
    low: float
    high: float
    metrics: tuple[str, ...]
    unit: str = ""

    @property
    def range(self) -> float:
        return self.high - self.low


PROTOCOLS = {
    "synthrad2023": Protocol("synthrad2023", -1024, 3000, ("mae", "psnr", "ssim"), "HU"),
    "synthrad2025": Protocol("synthrad2025", -1024, 3071, ("mae", "psnr", "ms_ssim"), "HU"),
}


def scores_of(target: Volume, output: Volume, mask: Mask, protocol: Protocol) -> dict[str, float]:
    """The metrics of a protocol by name.

    Args:
        target: what was measured.
        output: what was computed, of the same shape.
        mask: where it counts; it marks at least one voxel.
        protocol: the range of values, and the metrics.
    """
    known = {"mae": mae, "psnr": psnr, "ssim": ssim, "ms_ssim": ms_ssim, "ms_ssim_textbook": ms_ssim_textbook}
    return {name: known[name](target, output, mask, protocol) for name in protocol.metrics}


def mae(target: Volume, output: Volume, mask: Mask, protocol: Protocol) -> float:
    """Mean absolute error inside the mask, in the unit of the values, which are not clipped."""
    total = sum(float(np.abs(one[inside] - other[inside]).sum()) for one, other, inside in slabs(target, output, mask))
    return total / int(mask.sum())


def psnr(target: Volume, output: Volume, mask: Mask, protocol: Protocol) -> float:
    """Peak signal-to-noise ratio in dB inside the mask: of clipped values, against the stated range; infinite for equal ones."""
    total = 0.0
    for one, other, inside in slabs(target, output, mask):
        first, second = (np.clip(part[inside], protocol.low, protocol.high) for part in (one, other))
        total += float(np.square(first - second).sum())
    return math.inf if total == 0 else 10 * math.log10(protocol.range**2 / (total / int(mask.sum())))


def ssim(target: Volume, output: Volume, mask: Mask, protocol: Protocol) -> float:
    """SSIM with a uniform window of 7x7x7 and the sample covariance: the mean of its map over the voxels of the mask.

    Three voxels at each side are left out; NaN where the mask has none but those, or a side is under 7.
    """
    one, other = (prepared(volume, mask, protocol) for volume in (target, output))
    c1, c2 = constants(protocol)
    total = 0.0
    for mean, moment, inside in maps(one, other, mask):
        (first, second), (var1, var2, covariance) = mean, moment
        values = (2 * first * second + c1) * (2 * covariance + c2)
        values /= (np.square(first) + np.square(second) + c1) * (var1 + var2 + c2)
        total += float(values[inside].sum())
    count = int(inner(mask).sum())
    return total / count if count else math.nan


def ms_ssim(target: Volume, output: Volume, mask: Mask, protocol: Protocol) -> float:
    """MS-SSIM as the evaluation of 2025 computes it: each scale's map holds the luminance, to the power of the scale's weight."""
    return multi_scale(target, output, mask, protocol, luminance_at=range(len(WEIGHTS)))


def ms_ssim_textbook(target: Volume, output: Volume, mask: Mask, protocol: Protocol) -> float:
    """The same with the luminance at the last scale alone, as Wang et al. 2003 have it."""
    return multi_scale(target, output, mask, protocol, luminance_at=range(len(WEIGHTS) - 1, len(WEIGHTS)))


def multi_scale(target: Volume, output: Volume, mask: Mask, protocol: Protocol, luminance_at: range) -> float:
    """The product over the scales of the masked means of luminance, contrast and structure; NaN where a scale has no voxel."""
    one, other = (padded(prepared(volume, mask, protocol)) for volume in (target, output))
    mask = padded(mask)
    c1, c2 = constants(protocol)
    product = 1.0
    for scale, weight in enumerate(WEIGHTS):
        count, total = int(inner(mask).sum()), 0.0
        if not count:
            return math.nan
        for (first, second), (var1, var2, covariance), inside in maps(one, other, mask):
            deviations = np.sqrt(np.maximum(var1, 0)) * np.sqrt(np.maximum(var2, 0))
            values = ((2 * deviations + c2) / (var1 + var2 + c2)).clip(0) ** weight
            values *= ((covariance + c2 / 2) / (deviations + c2 / 2)).clip(0) ** weight
            if scale in luminance_at:
                luminance = (2 * first * second + c1) / (np.square(first) + np.square(second) + c1)
                values *= luminance.clip(0) ** weight
            total += float(values[inside].sum())
        product *= min(max(total / count, 0.0), 1.0)
        one, other, mask = halved(one), halved(other), mask[::2, ::2, ::2]
    return product


def constants(protocol: Protocol) -> tuple[float, float]:
    return (K1 * protocol.range) ** 2, (K2 * protocol.range) ** 2


def prepared(volume: Volume, mask: Mask, protocol: Protocol) -> Float64:
    """Clipped, the lowest value outside the mask, and from 0 on."""
    values = np.clip(volume, protocol.low, protocol.high).astype(np.float64)
    values -= protocol.low
    values[~mask] = 0
    return values


def padded(values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Each side repeated at the edges up to ``LEAST_SIDE``, the odd voxel behind."""
    missing = [max(LEAST_SIDE - side, 0) for side in values.shape]
    return np.pad(values, [(one // 2, one - one // 2) for one in missing], mode="edge") if any(missing) else values


def halved(values: Float64) -> Float64:
    """The mean of each voxel and the one before it along all axes, zeros before the first; of that every second voxel."""
    for axis in range(3):
        before = np.roll(values, 1, axis)
        before[tuple(slice(0, 1) if one == axis else slice(None) for one in range(3))] = 0
        every = tuple(slice(None, None, 2) if one == axis else slice(None) for one in range(3))
        values = ((values + before) / 2)[every]
    return values


def inner(mask: Mask) -> Mask:
    return mask[HALF:-HALF, HALF:-HALF, HALF:-HALF]


Pair = tuple[Float64, Float64]
Triple = tuple[Float64, Float64, Float64]


def maps(one: Float64, other: Float64, mask: Mask) -> Iterator[tuple[Pair, Triple, Mask]]:
    """(means, variances and covariance, mask) of the inner voxels, slab by slab."""
    if min(one.shape) < WINDOW:
        return
    step = max(1, SLAB_VOXELS // int(np.prod(one.shape[1:])))
    unbiased = WINDOW**3 / (WINDOW**3 - 1)
    for start in range(0, one.shape[0] - 2 * HALF, step):
        part = slice(start, min(start + step, one.shape[0] - 2 * HALF) + 2 * HALF)
        first, second = one[part], other[part]
        means = window_mean(first), window_mean(second)
        var1 = (window_mean(first * first) - means[0] * means[0]) * unbiased
        var2 = (window_mean(second * second) - means[1] * means[1]) * unbiased
        covariance = (window_mean(first * second) - means[0] * means[1]) * unbiased
        yield means, (var1, var2, covariance), inner(mask[part])


def window_mean(values: Float64) -> Float64:
    """Means over 7x7x7 where the window is whole: each side loses 6."""
    for axis in range(3):
        count = values.shape[axis] - WINDOW + 1
        total = np.zeros([count if one == axis else side for one, side in enumerate(values.shape)])
        for shift in range(WINDOW):
            total += values[tuple(slice(shift, shift + count) if one == axis else slice(None) for one in range(3))]
        values = total / WINDOW
    return values


def slabs(target: Volume, output: Volume, mask: Mask) -> Iterator[tuple[Float64, Float64, Mask]]:
    step = max(1, SLAB_VOXELS // int(np.prod(mask.shape[1:])))
    for start in range(0, len(mask), step):
        part = slice(start, start + step)
        yield target[part].astype(np.float64), output[part].astype(np.float64), mask[part]
