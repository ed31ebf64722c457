"""Batches with pixels without data, and their one map of weights."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from diptych.pictures.kinds import Batch, Kind

Weights = Float[Tensor, "batch 1 height width"]
"""1 where there is data, else 0."""


class MaskedBatch(Batch):
    """A batch whose pictures have 0, the middle of the range, where they lack data; losses take its weights.

    Real and fake pictures are filled alike in the same places, so a discriminator cannot tell them by their gaps.
    """

    masked: Tensor

    def __new__(cls, source: Tensor, target: Tensor, weights: Weights) -> "MaskedBatch":
        batch = super().__new__(cls, source, target)
        batch.masked = weights
        return batch

    @property
    def weights(self) -> Tensor:
        return self.masked

    def fill(self, pictures: Tensor) -> Tensor:
        return pictures * self.masked.to(pictures.dtype)

    def with_source_filled(self) -> "MaskedBatch":
        return MaskedBatch(self.fill(self.source), self.target, self.masked)


def without_nan(source: Tensor, target: Tensor) -> MaskedBatch:
    """A batch of pictures as datasets give them, NaN where there is no data.

    A target counts where its source has data too. The source keeps what it has where only the target has none.
    """
    known = data_in(target)
    if source.is_floating_point():
        known = known * functional.interpolate(data_in(source), known.shape[-2:], mode="nearest")
        source = source.nan_to_num(nan=0.0)
    return MaskedBatch(source, target.nan_to_num(nan=0.0) * known, known)


def data_in(pictures: Tensor) -> Weights:
    """Where no channel is NaN."""
    return (~pictures.isnan().any(1, keepdim=True)).float()


def have_gaps(*kinds: Kind) -> bool:
    """Whether batches of these Kinds may lack data."""
    return any(kind.has_gaps for kind in kinds)
