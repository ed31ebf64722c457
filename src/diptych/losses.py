"""Losses: pure functions of tensors, computed in float32, each returning a scalar."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Scalar = Float[Tensor, ""]
Logits = Tensor
Pictures = Float[Tensor, "batch channels height width"]


def l1(fake: Tensor, target: Tensor) -> Scalar:
    """Mean absolute difference over all elements (pix2pix, equation 3)."""
    return functional.l1_loss(fake.float(), target.float())


def total_variation(pictures: Pictures) -> Scalar:
    """Sum of absolute differences of neighbours, the mean over the pictures (Aly and Dubois 2005)."""
    pictures = pictures.float()
    rows = (pictures[..., 1:, :] - pictures[..., :-1, :]).abs().sum()
    columns = (pictures[..., 1:] - pictures[..., :-1]).abs().sum()
    return (rows + columns) / len(pictures)


def feature_matching(fake: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Scalar:
    """Mean absolute difference of a discriminator's maps, summed over its maps and averaged over its scales
    (pix2pixHD, equation 4). Real maps are taken as they are: no gradient goes through them.

    Args:
        fake, real: for each scale its maps, without the logits.
    """
    differences = [
        functional.l1_loss(one.float(), other.detach().float())
        for scale, other_scale in zip(fake, real, strict=True)
        for one, other in zip(scale, other_scale, strict=True)
    ]
    return torch.stack(differences).sum() / len(fake)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Scalar:
    """Kullback-Leibler divergence from N(0, 1), summed over batch and dimensions (SPADE's code)."""
    mean, log_variance = mean.float(), log_variance.float()
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()


class TravelLosses(NamedTuple):
    """The three terms of one direction, each a scalar."""

    margin: Tensor
    length: Tensor
    angle: Tensor


def travel_losses(real: Tensor, fake: Tensor, margin: float, squared: bool = True) -> TravelLosses:
    """Means over all ordered pairs of a batch, as cyclic shifts.

    Args:
        real, fake: (batch, latent), points of pictures and of their translations.
        margin: under which vectors between real pictures are pushed apart.
        squared: whether the margin is on the squared length (authors' code) or on the length (paper).
    """
    real, fake, shifts = real.float(), fake.float(), range(1, len(real))
    vectors = torch.cat([real - real.roll(shift, 0) for shift in shifts])
    moved = torch.cat([fake - fake.roll(shift, 0) for shift in shifts])
    far = vectors.square().sum(1) if squared else vectors.norm(dim=1)
    return TravelLosses(
        functional.relu(margin - far).mean(),
        (vectors - moved).square().mean(),
        -functional.cosine_similarity(vectors, moved, dim=1).mean(),
    )


class Adversary(NamedTuple):
    """How a discriminator and a generator are set against each other; losses are means over patches and pictures."""

    discriminator: Callable[[Logits, Logits], Scalar]
    """(logits of real pictures, logits of fakes) to what the discriminator minimises."""
    generator: Callable[[Logits], Scalar]
    """Logits of fakes to what the generator minimises."""


def vanilla_discriminator(real: Logits, fake: Logits) -> Scalar:
    """Cross-entropy with targets 1 and 0 (Goodfellow et al. 2014)."""
    return functional.softplus(-real.float()).mean() + functional.softplus(fake.float()).mean()


def vanilla_generator(fake: Logits) -> Scalar:
    """The non-saturating form: maximise log D (pix2pix, section 3.3)."""
    return functional.softplus(-fake.float()).mean()


def least_squares_discriminator(real: Logits, fake: Logits) -> Scalar:
    """Squared distance to 1 and 0 (Mao et al. 2017)."""
    return (real.float() - 1).square().mean() + fake.float().square().mean()


def least_squares_generator(fake: Logits) -> Scalar:
    return (fake.float() - 1).square().mean()


def hinge_discriminator(real: Logits, fake: Logits) -> Scalar:
    """Distance to the margins 1 and -1 (Lim and Ye 2017)."""
    return functional.relu(1 - real.float()).mean() + functional.relu(1 + fake.float()).mean()


def critic_generator(fake: Logits) -> Scalar:
    return -fake.float().mean()


def wasserstein_discriminator(real: Logits, fake: Logits) -> Scalar:
    """The critic's estimate, negated (Arjovsky et al. 2017)."""
    return fake.float().mean() - real.float().mean()


VANILLA = Adversary(vanilla_discriminator, vanilla_generator)
LEAST_SQUARES = Adversary(least_squares_discriminator, least_squares_generator)
HINGE = Adversary(hinge_discriminator, critic_generator)
WASSERSTEIN = Adversary(wasserstein_discriminator, critic_generator)

ADVERSARIES = {
    "vanilla": VANILLA,
    "least-squares": LEAST_SQUARES,
    "hinge": HINGE,
    "wasserstein": WASSERSTEIN,
}


def gradient_penalty(judge: Callable[[Tensor], Logits], real: Pictures, fake: Pictures, mix: Tensor) -> Scalar:
    """Mean squared distance from 1 of the gradient's norm between real and fake (Gulrajani et al. 2017, equation 3).

    Args:
        judge: pictures to logits.
        real, fake: (batch, channels, height, width).
        mix: (batch, 1, 1, 1) in [0, 1], the share of the real picture.
    """
    between = torch.lerp(fake.detach().float(), real.detach().float(), mix).requires_grad_()
    logits = judge(between).float()
    (gradient,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
    lengths: Tensor = gradient.flatten(1).square().sum(dim=1).sqrt()
    return (lengths - 1).square().mean()
