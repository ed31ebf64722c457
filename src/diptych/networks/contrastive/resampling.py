"""Anti-aliased halving and doubling of maps (Zhang, ICML 2019, arXiv 1904.11486), as in CUT's code."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks.blocks import Maps, ReflectionPad


class BlurDown(nn.Module):
    """Halve both sides, odd ones rounded up: blur each channel by [1, 2, 1] / 4 each way, and keep every second place."""

    taps: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pad = ReflectionPad(1)
        line = (0.25, 0.5, 0.25)
        square = [[down * across for across in line] for down in line]
        self.register_buffer("taps", torch.tensor([[square]] * channels))

    def forward(self, maps: Maps) -> Maps:
        padded = self.pad(maps)
        return functional.conv2d(padded, self.taps.to(padded.dtype), stride=2, groups=len(self.taps))


class BlurUp(nn.Module):
    """Double both sides: zeros between the places, blurred by [1, 3, 3, 1] each way with repeated borders.

    That is bilinear resizing. On a GPU torch's backward pass of it is not deterministic. With deterministic algorithms the
    neighbours are mixed as slices.
    """

    def forward(self, maps: Maps) -> Maps:
        if maps.device.type != "cpu" and torch.are_deterministic_algorithms_enabled():
            return doubled_side(doubled_side(maps, 2), 3)
        if maps.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return functional.interpolate(maps, scale_factor=2, mode="bilinear")
        with torch.autocast("cpu", enabled=False):  # which would widen the maps needlessly
            return functional.interpolate(maps, scale_factor=2, mode="bilinear")


def doubled_side(maps: Maps, side: int) -> Maps:
    """Double one side: each place becomes two, a quarter of which is the neighbour's on that side."""
    size = maps.shape[side]
    before = torch.cat([maps.narrow(side, 0, 1), maps.narrow(side, 0, size - 1)], side)
    after = torch.cat([maps.narrow(side, 1, size - 1), maps.narrow(side, size - 1, 1)], side)
    pairs = [torch.lerp(maps, neighbour, 0.25) for neighbour in (before, after)]
    return torch.stack(pairs, side + 1).flatten(side, side + 1)
