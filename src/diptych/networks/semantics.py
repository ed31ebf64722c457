"""Class and instance numbers on the device: one-hot maps, boundary maps, and styles of instances."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks.noise import uniform

INSTANCES = 65536
"""Instance numbers are below this."""
LEAST_SHARE = 1 / 64
"""Share of the picture; the styles of smaller instances are not kept."""
LARGEST = 8
"""Instances whose styles are kept of each picture."""
ROUNDS = 12  # of k-means


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


class StyleBank(nn.Module):
    """The latest encodings of each class, and their clusters, from which translation samples (pix2pixHD, section 3.4).

    The authors' script encodes the training set after training. Here training itself keeps the latest encodings of large
    instances, so a checkpoint has all that sampling needs.

    Args:
        classes: the unknown class included.
        features: dimensions of a style.
        kept: encodings of each class.
        clusters: of each class, at most.
    """

    bank: Tensor
    filled: Tensor

    def __init__(self, classes: int, features: int, kept: int = 64, clusters: int = 10) -> None:
        super().__init__()
        self.clusters = clusters
        self.register_buffer("bank", torch.zeros(classes, kept, features))
        self.register_buffer("filled", torch.zeros(classes, dtype=torch.int64))

    @torch.no_grad()
    def remember(self, encoded: Tensor, classes: Tensor, regions: Tensor) -> None:
        """Keep the largest instances of a batch.

        Args:
            encoded: (batch, features, H, W), constant over each region.
            classes, regions: (batch, H * W) numbers.
        """
        values = torch.cat([encoded.flatten(2).float(), classes[:, None].float(), torch.ones_like(classes[:, None])], 1)
        sums = instance_sums(values, regions)
        largest, places = sums[:, -1].topk(LARGEST, dim=1)
        chosen = sums.gather(2, places[:, None].expand(-1, sums.shape[1], -1)) / largest.clamp(min=1)[:, None]
        enough = largest > LEAST_SHARE * classes.shape[1]
        for style, large in zip(chosen.permute(0, 2, 1).flatten(0, 1), enough.flatten(), strict=True):
            number = style[-2:-1].round().long()  # one-element tensors index without a device sync
            place = self.filled[number] % self.bank.shape[1]
            self.bank[number, place] = torch.where(large, style[:-2], self.bank[number, place])
            self.filled[number] += large.long()

    def centres(self) -> tuple[Tensor, Tensor]:
        """K-means centres, (classes, clusters, features), and each class's number of clusters; it starts from evenly spaced encodings."""
        held = self.filled.clamp(max=self.bank.shape[1])
        count = held.clamp(max=self.clusters)
        steps = torch.arange(self.clusters, device=held.device)
        first = (steps * held[:, None] // count[:, None].clamp(min=1)).clamp(max=self.bank.shape[1] - 1)
        index = first[..., None].expand(-1, -1, self.bank.shape[2])
        centres = self.bank.gather(1, index)
        there = torch.arange(self.bank.shape[1], device=held.device) < held[:, None]
        usable = steps < count[:, None]
        for _ in range(ROUNDS):
            apart = (self.bank[:, :, None] - centres[:, None]).square().sum(3).masked_fill(~usable[:, None], torch.inf)
            member = functional.one_hot(apart.argmin(2), self.clusters).float() * there[..., None]
            weight = member.sum(1)
            means = torch.einsum("ckn,ckf->cnf", member, self.bank) / weight.clamp(min=1)[..., None]
            centres = torch.where(weight[..., None] > 0, means, centres)
        return centres, count

    def draw(self, classes: Tensor, regions: Tensor, shape: torch.Size, chosen: dict[int, int] | None = None) -> Tensor:
        """Sample a style for each region from its class's clusters: (batch, features, H, W).

        Args:
            classes, regions: (batch, H * W) numbers.
            shape: height and width.
            chosen: the cluster of all instances of a class, by class. The pictures of a batch share the samples, so a picture's result
                does not depend on the batch.
        """
        centres, count = self.centres()
        share = uniform(INSTANCES, classes.device)[regions]
        number = (share * count[classes]).long()
        for kind, cluster in (chosen or {}).items():
            wanted = torch.full_like(number, cluster) % count[kind].clamp(min=1)
            number = torch.where(classes == kind, wanted, number)
        drawn: Tensor = centres[classes, number].permute(0, 2, 1).unflatten(2, shape)
        return drawn
