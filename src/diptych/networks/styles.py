"""Styles of instances by class (pix2pixHD, section 3.4): encodings from training, clustered, from which translation samples.

The authors' script encodes the training set after training. Here training itself keeps the latest encodings of large instances of each
class, so a checkpoint has all that sampling needs.
"""

import torch
from torch import Tensor, nn

from diptych.networks.noise import uniform
from diptych.networks.semantics import INSTANCES, instance_sums

LEAST_SHARE = 1 / 64
"""Share of the picture; smaller instances are not kept."""
LARGEST = 8
"""Instances kept of each picture."""
ROUNDS = 12  # of k-means


class StyleBank(nn.Module):
    """The latest encodings of each class, and their clusters.

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
            member = nn.functional.one_hot(apart.argmin(2), self.clusters).float() * there[..., None]
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
