"""What systems do with a discriminator of several scales: each answer is a list of scales, each a list of maps."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diptych.errors import UsageError
from diptych.losses import Adversary
from diptych.perceptual import PERCEPTUAL, Sight
from diptych.systems.system import accuracy

Judged = Sequence[Sequence[Tensor]]


def logits(judged: Judged) -> list[Tensor]:
    return [scale[-1] for scale in judged]


def inner(judged: Judged) -> list[Sequence[Tensor]]:
    """The maps before the logits, for feature matching."""
    return [scale[:-1] for scale in judged]


def against_real(adversary: Adversary, real: Judged, fake: Judged) -> Tensor:
    """The discriminator's objective, summed over the scales."""
    pairs = zip(logits(real), logits(fake), strict=True)
    return torch.stack([adversary.discriminator(one, other) for one, other in pairs]).sum()


def convincing(adversary: Adversary, fake: Judged) -> Tensor:
    """The generator's adversarial term, summed over the scales."""
    return torch.stack([adversary.generator(one) for one in logits(fake)]).sum()


def mean_accuracy(adversary: str, real: Judged, fake: Judged) -> dict[str, Tensor]:
    shares = [accuracy(adversary, one, other) for one, other in zip(logits(real), logits(fake), strict=True)]
    return {"accuracy": torch.stack([share["accuracy"] for share in shares]).mean()} if shares[0] else {}


def split(judged: Judged, count: int) -> tuple[Judged, Judged]:
    """The answers on the first ``count`` pictures and on the others of one batch."""
    return [[maps[:count] for maps in scale] for scale in judged], [
        [maps[count:] for maps in scale] for scale in judged
    ]


def sight_for(name: str, weight: float) -> Sight | None:
    """The network of a perceptual loss in pix2pixHD's manner, with its pictures as they are; none where it weighs nothing.

    Raises:
        UsageError: for an unknown name.
        DiptychError: when its weights cannot be had.
    """
    if name not in PERCEPTUAL:
        raise UsageError(f'options.perceptual_network is "{name}"; choose from {", ".join(PERCEPTUAL)}.')
    return Sight(name, normalised=False) if weight and name != "none" else None
