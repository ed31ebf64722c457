"""Styles of instances by their class (pix2pixHD, section 3.4): what was encoded in training, clustered, to draw from.

The authors' script encodes the whole training set when training is over. Here the encodings of large instances are
remembered as training meets them, the latest of each class, so a checkpoint has all that is needed to draw styles.
"""

import torch
from torch import Tensor, nn

from diptych.networks.noise import uniform
from diptych.networks.semantics import INSTANCES, instance_sums

LEAST_SHARE = 1 / 64
"""Smaller instances are not remembered."""
LARGEST = 8
"""Instances remembered of a picture."""
ROUNDS = 12


class StyleBank(nn.Module):
    """The latest encodings of each class, and their clusters.

    Args:
        classes: with the one for what is unknown.
        features: numbers that make a style.
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
            number = style[-2:-1].round().long()  # one-element tensors index without asking the device for their value
            place = self.filled[number] % self.bank.shape[1]
            self.bank[number, place] = torch.where(large, style[:-2], self.bank[number, place])
            self.filled[number] += large.long()

    def centres(self) -> tuple[Tensor, Tensor]:
        """((classes, clusters, features), how many clusters each class has): k-means from evenly spaced beginnings."""
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
        """A style for each region, of the clusters of its class: (batch, features, H, W).

        Args:
            classes, regions: (batch, H * W) numbers.
            shape: height and width.
            chosen: by class, the cluster that all its instances have; the others are drawn. One draw
                serves all pictures of a batch, so that a picture comes out as it would alone.
        """
        centres, count = self.centres()
        share = uniform(INSTANCES, classes.device)[regions]
        number = (share * count[classes]).long()
        for kind, cluster in (chosen or {}).items():
            wanted = torch.full_like(number, cluster) % count[kind].clamp(min=1)
            number = torch.where(classes == kind, wanted, number)
        drawn: Tensor = centres[classes, number].permute(0, 2, 1).unflatten(2, shape)
        return drawn
