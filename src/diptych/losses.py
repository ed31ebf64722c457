"""Losses: pure functions of tensors, computed in float32; each returns a scalar."""

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from diptych.registry import Names, Table

Scalar = Float[Tensor, ""]
Logits = Tensor
Pictures = Float[Tensor, "batch channels height width"]
Weights = Float[Tensor, "batch 1 height width"]


def l1(fake: Tensor, target: Tensor, weights: Weights | None = None) -> Scalar:
    """Mean absolute difference over all elements (pix2pix, equation 3), or over those of the pixels with data.

    Args:
        fake, target: pictures, alike where the weights are 0.
        weights: 1 where there is data, else 0; None stands for 1 everywhere.
    """
    if weights is None:
        return functional.l1_loss(fake.float(), target.float())
    return mean_of_data((fake.float() - target.float()).abs(), weights)


def mean_of_data(values: Pictures, weights: Weights) -> Scalar:
    """The mean of the values, weighted; 0 where all weights are."""
    return (values * weights).sum() / (weights.sum() * values.shape[1]).clamp(min=1)


def gradient_difference(fake: Pictures, target: Pictures, weights: Weights | None = None) -> Scalar:
    """Mean absolute error of the differences between neighbouring pixels, down plus across; in [0, 8] for values in [-1, 1].

    The gradient difference loss of Mathieu et al. (ICLR 2016, arXiv 1511.05440) compares the differences' magnitudes. Here
    they keep their signs, so that an edge from dark to light is no answer to one from light to dark. With ``weights`` both
    neighbours must have data.
    """
    error = fake.float() - target.float()
    down, across = error.diff(dim=-2).abs(), error.diff(dim=-1).abs()
    if weights is None:
        return down.mean() + across.mean()
    both_rows, both_columns = weights[..., 1:, :] * weights[..., :-1, :], weights[..., 1:] * weights[..., :-1]
    return mean_of_data(down, both_rows) + mean_of_data(across, both_columns)


def pyramid_l1(fake: Pictures, target: Pictures, levels: int, weights: Weights | None = None) -> Scalar:
    """Mean absolute difference of the levels 0 to ``levels`` of Gaussian pyramids, averaged (Burt and Adelson 1983).

    A shift by a pixel changes a blurred picture little, so L1 of blurred pictures forgives what does not quite fit. The full
    size, level 0, stays as one of them: without it nothing holds the finest noise. Blurring is linear, so one pyramid of the
    differences serves.

    Args:
        levels: 0 is L1 of the pictures themselves; each further one is blurred by 1 4 6 4 1 both ways and has half the sides of the one before.
        weights: 1 where there is data, else 0; both pictures are alike there.
    """
    if not levels:
        return l1(fake, target, weights)
    error = fake.float() - target.float()
    weights = torch.ones_like(error[:, :1]) if weights is None else weights
    means = []
    for level in range(levels + 1):
        if level:
            error, weights = halved(error), halved(weights)
        means.append(error.abs().sum() / (weights.sum() * error.shape[1]).clamp(min=1))
    return torch.stack(means).mean()


def halved(pictures: Pictures) -> Pictures:
    """Blurred by the binomial filter of five, with 0 beyond the borders, and every second pixel of it.

    Means of two neighbours, four times: they need no constant, which a CUDA graph could not copy to its device.
    """
    pictures = functional.pad(pictures, (2, 2, 2, 2))
    for stride in (1, 1, 1, 2):
        pictures = functional.avg_pool2d(pictures, 2, stride)
    return pictures


def total_variation(pictures: Pictures) -> Scalar:
    """Sum of absolute differences of neighbouring pixels, averaged over the pictures (Aly and Dubois 2005)."""
    pictures = pictures.float()
    rows = (pictures[..., 1:, :] - pictures[..., :-1, :]).abs().sum()
    columns = (pictures[..., 1:] - pictures[..., :-1]).abs().sum()
    return (rows + columns) / len(pictures)


def feature_matching(fake: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Scalar:
    """Mean absolute difference of a discriminator's maps, summed over maps and averaged over scales (pix2pixHD, equation 4).

    Args:
        fake, real: for each scale its maps, without the logits; no gradient goes through the real ones.
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


def mode_seeking(fake: Pictures, other: Pictures, style: Tensor, other_style: Tensor, knee: float = 0.0) -> Scalar:
    """1 / (r + 1e-5), where r is how far apart pictures are over how far apart their styles are (Mao et al., CVPR 2019).

    Distances are means of absolute differences over the batch, so r is a ratio of means.

    Args:
        fake, other: translations of the same sources.
        style, other_style: (batch, n), theirs.
        knee: below this r the loss goes on along its tangent, since equal pictures would give 1e5 and a steeper slope; 0 =
            the published form.
    """
    ratio = l1(fake, other) / l1(style, other_style)
    at = ratio.clamp(min=knee) + 1e-5
    return 1 / at - (ratio + 1e-5 - at) / at.square()


def patch_nce(query: Tensor, key: Tensor, temperature: float) -> Scalar:
    """PatchNCE (Park et al. 2020): the cross-entropy of finding each query's own key among all of its picture's; a mean.

    Args:
        query, key: (batch, places, channels), of length 1; no gradient goes through the keys.
        temperature: divides the cosines.
    """
    with torch.autocast(query.device.type, enabled=False):
        logits = query.float() @ key.detach().float().mT / temperature
    return (logits.logsumexp(dim=2) - logits.diagonal(dim1=1, dim2=2)).mean()


def class_weights(maps: Pictures, weighting: str = "balanced", over: str = "batch") -> Tensor:
    """(1 or batch, classes): what each class's pixels count in ``segmentation``.

    "balanced" is the inverse frequency, pixels / pixels of the class, and 0 for a class that is absent (OASIS, section 3.1). Its
    sum of weighted pixels grows with the number of classes that are present; "mean" divides by that number. "none" counts all
    pixels alike.

    Args:
        maps: one-hot classes, (batch, classes, height, width), all 0 where the class is unknown.
        over: frequencies of the whole "batch", or of each "picture".
    """
    counts = maps.float().sum((2, 3))
    counts = counts.mean(0, keepdim=True) if over == "batch" else counts
    if weighting == "none":
        return torch.ones_like(counts)
    weights = torch.where(counts > 0, maps[0, 0].numel() / counts.clamp(min=1 / len(maps)), 0)
    return weights / (counts > 0).sum(1, keepdim=True).clamp(min=1) if weighting == "mean" else weights


def segmentation(logits: Logits, maps: Pictures, weights: Tensor) -> Scalar:
    """Weighted cross-entropy of the true classes, a mean over all pixels, those of unknown class included as 0.

    A product with one-hot maps repeats on GPUs bit by bit, as torch's own cross-entropy of maps does not.

    Args:
        logits: (batch, classes + 1, height, width), the last class being "fake".
        maps: one-hot classes, (batch, classes, height, width).
        weights: (1 or batch, classes).
    """
    shares = logits.float().log_softmax(1)[:, :-1]
    return -(shares * maps * weights[..., None, None]).sum() / maps[:, 0].numel()


def called_fake(logits: Logits) -> Scalar:
    """Cross-entropy of the last class, "fake", a mean over all pixels of (batch, classes + 1, height, width)."""
    return -logits.float().log_softmax(1)[:, -1].mean()


class TravelLosses(NamedTuple):
    """The three terms of one direction, each a scalar."""

    margin: Tensor
    length: Tensor
    angle: Tensor


def travel_losses(real: Tensor, fake: Tensor, margin: float, squared: bool = True) -> TravelLosses:
    """The terms of TraVelGAN, averaged over all ordered pairs of a batch, which are cyclic shifts.

    Args:
        real, fake: (batch, latent), the embeddings of pictures and of their translations.
        margin: shorter vectors between real pictures are pushed apart.
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
    """An adversarial loss; both parts are means over patches and pictures."""

    discriminator: Callable[[Logits, Logits], Scalar]
    """The discriminator's loss, from the logits of real pictures and of fakes."""
    generator: Callable[[Logits], Scalar]
    """The generator's loss, from the logits of fakes."""
    midpoint: float | None = None
    """The logit between real and fake; Wasserstein critics have none."""


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


ADVERSARIES: Table[Adversary] = Table(
    "adversary",
    {
        "vanilla": Adversary(vanilla_discriminator, vanilla_generator, 0.0),
        "least-squares": Adversary(least_squares_discriminator, least_squares_generator, 0.5),
        "hinge": Adversary(hinge_discriminator, critic_generator, 0.0),
        "wasserstein": Adversary(wasserstein_discriminator, critic_generator),
    },
)
AdversaryName = Annotated[str, Names(ADVERSARIES, "vanilla", "least-squares", "hinge")]
"""Of the adversarial losses those that need nothing beside them, and any that is registered."""


def gradient_penalty(judge: Callable[[Tensor], Logits], real: Pictures, fake: Pictures, mix: Tensor) -> Scalar:
    """Mean squared distance of the gradient's norm from 1, between real and fake (Gulrajani et al. 2017, equation 3).

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
