"""Metrics of texture: sharpness of edges, power at the frequencies of up-sampling grids, and blotches in flat fills."""

import torch
from torch import Tensor
from torch.nn import functional

from diptych.errors import DiptychError
from diptych.evaluation.paired import Images, Scores

MULTIPLES = [(row, column) for row in range(8) for column in range(8) if row or column]
"""Of 1/8 per pixel: the frequencies of grids of period 2, 4 and 8, which up-sampling layers of stride 2 leave."""
NEAR, FAR = 2, 4  # a peak's neighbours lie this many frequencies from it
FLOOR = 1e-12  # of power, so that a flat picture has a ratio of 1


def luma(images: Images) -> Tensor:
    """(batch, height, width): ITU-R BT.601 luma of RGB, else the mean over channels."""
    images = images.float()
    if images.shape[1] != 3:
        return images.mean(1)
    return 0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2]


def sharpness(images: Images) -> Scores:
    """Mean length of the luma's gradient between neighbouring pixels, for values in [-1, 1]; blur lowers it."""
    grey = luma(images)
    across = grey[:, :-1, 1:] - grey[:, :-1, :-1]
    down = grey[:, 1:, :-1] - grey[:, :-1, :-1]
    return (across.square() + down.square()).sqrt().flatten(1).mean(1)


def checkerboard(images: Images) -> Scores:
    """Power at the frequencies k/2, k/4 and k/8 per pixel as a multiple of that beside them: about 1 without a grid.

    For each frequency whose two parts are whole multiples of 1/8 (but the picture's mean), its power over the mean power
    of the frequencies 2 to 4 bins away, for those on an axis along the axis only; the mean of these 63 ratios.

    Raises:
        DiptychError: for pictures under 32 pixels, where peaks and neighbours cannot be told apart.
    """
    height, width = (side // 8 * 8 for side in images.shape[-2:])
    if min(height, width) < 32:
        raise DiptychError(f"the checkerboard score needs pictures of 32 pixels or more, not {width}x{height}.")
    grey = luma(images)[:, :height, :width]
    down, across = (torch.hann_window(side, periodic=True, device=images.device) for side in (height, width))
    window = down[:, None] * across
    power = torch.fft.fft2((grey - grey.mean((1, 2), keepdim=True)) * window).abs().square()
    ratios = []
    for row, column in MULTIPLES:
        at_row, at_column = row * height // 8, column * width // 8
        beside = [
            power[:, (at_row + down) % height, (at_column + right) % width] for down, right in neighbours(row, column)
        ]
        ratios.append((power[:, at_row, at_column] + FLOOR) / (torch.stack(beside).mean(0) + FLOOR))
    return torch.stack(ratios).mean(0)


def neighbours(row: int, column: int) -> list[tuple[int, int]]:
    """Offsets of the neighbours of a frequency: along the axis that it lies on, else all around."""
    reach = range(-FAR, FAR + 1)
    ring = [(down, right) for down in reach for right in reach if max(abs(down), abs(right)) >= NEAR]
    if row == 0:
        return [(0, right) for down, right in ring if down == 0]
    if column == 0:
        return [(down, 0) for down, right in ring if right == 0]
    return ring


BORDER = 2  # pixels by which a region of one colour is eroded: edges are antialiased
SMALLEST = 60  # pixels that a region must have left


def blotches(output: Images, target: Images) -> Scores:
    """Mean standard deviation of the output inside the regions that have exactly one colour in the target; 0 for flat fills.

    Regions are eroded by 2 pixels, and counted from 60 pixels on; the deviation is the mean over channels, in [0, 1] for
    values in [-1, 1]. NaN for a target without such a region, as a photograph is.
    """
    return torch.stack([blotches_of(one, other) for one, other in zip(output.float(), target.float(), strict=True)])


def blotches_of(output: Tensor, target: Tensor) -> Tensor:
    """``blotches`` of one picture, (channels, height, width)."""
    labels = flat_regions(target)
    _, region, sizes = labels[labels >= 0].unique(return_inverse=True, return_counts=True)
    values = output.flatten(1)[:, labels.flatten() >= 0].double()
    sums = torch.zeros(len(values), len(sizes), dtype=values.dtype, device=values.device)
    means = sums.index_add(1, region, values) / sizes
    squares: Tensor = sums.index_add(1, region, (values - means[:, region]).square()) / sizes
    deviations = squares.sqrt().mean(0)[sizes >= SMALLEST]
    return deviations.mean().float()


def flat_regions(target: Tensor) -> Tensor:
    """A number for each pixel (height, width): its region, the same for all that are joined, or -1 near another colour."""
    size = 2 * BORDER + 1
    around = functional.pad(target[None], (BORDER,) * 4, mode="replicate")
    highest, lowest = functional.max_pool2d(around, size, 1), -functional.max_pool2d(-around, size, 1)
    flat = (highest == lowest).all(1)[0]
    labels = torch.arange(flat.numel(), device=flat.device).view(flat.shape).where(flat, -1)
    while True:  # each pixel takes the highest number beside it, then the number of the pixel that this one names
        beside = functional.max_pool2d(labels[None].double(), 3, 1, 1)[0].long().where(flat, -1)
        joined = beside.flatten()[beside.clamp(min=0)].where(flat, -1)
        if joined.equal(labels):
            return labels
        labels = joined
