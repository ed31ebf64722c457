"""The heads of PatchNCE (Park et al. 2020): features of a few places to vectors that can be compared."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.networks.blocks import Maps

LEAST_LENGTH = 1e-7
"""Added to lengths before they divide: a mid-grey picture, which is 0, has a vector of length 0 at first."""


class PatchHeads(nn.Module):
    """For each map of an encoder a linear layer, ReLU, a linear layer, and length 1.

    Args:
        channels: of the maps, in their order.
        width: of both layers.
    """

    def __init__(self, channels: Sequence[int], *, width: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(count, width), nn.ReLU(), nn.Linear(width, width)) for count in channels
        )

    def forward(self, maps: Sequence[Maps], places: Sequence[Tensor]) -> list[Float[Tensor, "batch places width"]]:
        """Vectors in float32.

        Args:
            maps: one for each head.
            places: for each map (places,) indices into its rows laid end to end, the same for every picture.
        """
        taken = (one.flatten(2).index_select(2, at).mT for one, at in zip(maps, places, strict=True))
        return [unit(head(vectors)) for head, vectors in zip(self.heads, taken, strict=True)]


def unit(vectors: Tensor) -> Tensor:
    vectors = vectors.float()
    length: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / (length + LEAST_LENGTH)
