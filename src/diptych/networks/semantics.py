"""Class and instance numbers to one-hot maps and boundary maps, on the device."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

INSTANCES = 65536
"""Instance numbers are below this."""


def boundary_map(instances: Int[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """1 where any of the four neighbours is of another instance, else 0 (pix2pixHD, section 3.3)."""
    rows = (instances[:, :, 1:] != instances[:, :, :-1]).float()
    columns = (instances[..., 1:] != instances[..., :-1]).float()
    vertical = torch.maximum(functional.pad(rows, (0, 0, 1, 0)), functional.pad(rows, (0, 0, 0, 1)))
    horizontal = torch.maximum(functional.pad(columns, (1, 0)), functional.pad(columns, (0, 1)))
    return torch.maximum(vertical, horizontal)


class Semantics(nn.Module):
    """The input layer of a generator: labels become one-hot maps; plain pictures pass unchanged.

    Args:
        channels: of plain pictures; not used for labels.
        classes: 0 for plain pictures.
        unknown: whether there is a channel for pixels of no class, whose number is ``classes``.
        boundary: whether channel 1 of the source holds instance numbers; their boundary map becomes the last channel.
    """

    def __init__(self, channels: int = 3, *, classes: int = 0, unknown: bool = False, boundary: bool = False) -> None:
        super().__init__()
        self.classes = classes
        self.boundary = boundary
        self.labels = classes + unknown
        self.channels = self.labels + boundary if classes else channels

    def forward(self, source: Tensor) -> Tensor:
        """(batch, channels, H, W) float32, zeros and ones for labels."""
        if not self.classes:
            return source
        numbers = source[:, :1].long()
        shape = (source.shape[0], self.labels, *source.shape[2:])
        maps = torch.zeros(shape, device=source.device).scatter_(1, numbers, 1.0)
        maps = torch.cat([maps, boundary_map(source[:, 1:2])], 1) if self.boundary else maps
        return maps.contiguous(memory_format=torch.channels_last)

    def classes_of(self, source: Tensor) -> Tensor:
        """(batch, H * W) class numbers; plain pictures have one class."""
        numbers = source[:, 0].flatten(1).long()
        return numbers if self.classes else torch.zeros_like(numbers)

    def regions(self, source: Tensor) -> Tensor:
        """(batch, H * W) instance numbers; class numbers where there are no instances."""
        return source[:, 1].flatten(1).long() if self.boundary else self.classes_of(source)


def instance_sums(values: Float[Tensor, "batch channels places"], regions: Tensor) -> Tensor:
    """(batch, channels, INSTANCES): the sum over each region, in float32."""
    index = regions[:, None].expand(-1, values.shape[1], -1)
    sums = torch.zeros(*values.shape[:2], INSTANCES, device=values.device)
    return sums.scatter_add(2, index, values.float())


def instance_means(features: Float[Tensor, "batch channels height width"], regions: Tensor) -> Tensor:
    """Instance-wise average pooling: each channel's mean over the region of each pixel (pix2pixHD, section 3.4)."""
    flat = features.flatten(2)
    sums = instance_sums(flat, regions)
    counts = instance_sums(torch.ones_like(flat[:, :1]), regions).clamp(min=1)
    index = regions[:, None].expand(-1, flat.shape[1], -1)
    return (sums / counts).gather(2, index).view(features.shape)
