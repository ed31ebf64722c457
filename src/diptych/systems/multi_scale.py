"""What systems do with a discriminator of several scales: each answer is a list of scales, each a list of maps."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from diptych.losses import ADVERSARIES, Adversary, feature_matching
from diptych.networks import sized
from diptych.networks.features.perceptual import Sight, perceptual, sentence
from diptych.systems.system import Domains, System, accuracy

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


class MultiScaleSystem(System):
    """What pix2pixHD and SPADE share: an adversary on several scales, feature matching and a perceptual loss.

    Their options have ``adversary``, ``feature_matching``, ``perceptual`` and ``perceptual_network``. VGG19 is given its pictures in
    [-1, 1] as they are, as in the authors' codes.
    """

    def __init__(self, options: Any, domains: Domains) -> None:
        """Raises DiptychError where the weights of the perceptual loss's network cannot be had."""
        super().__init__(options, domains)
        self.options = options
        self.adversary = ADVERSARIES[options.adversary]
        self.matching = options.feature_matching
        """Weight of the mean over the scales of the sum over their maps."""
        self.sight: Sight | None = None
        if options.perceptual and options.perceptual_network != "none":
            self.sight = Sight(options.perceptual_network, normalised=False)
            self.notes = (sentence(self.sight.name),)
            self.facts = {"perceptual loss": self.sight.name}

    def check(self, system: str, domains: Domains, generator: nn.Module) -> None:
        """Raises UsageError for crops or channels that the generator or the perceptual loss cannot take."""
        domains.fit(system, sized(generator), *([self.sight] if self.sight else []))
        if self.sight is not None:
            domains.seen(system)

    def generator_terms(
        self, adversarial: Tensor, fake: Tensor, target: Tensor, judged: Judged, real: Judged
    ) -> dict[str, Tensor]:
        """The adversarial term, and those that the options ask for.

        Args:
            adversarial: a scalar.
            fake, target: pictures.
            judged, real: what the discriminator says of them.
        """
        options, terms = self.options, {"adversarial": adversarial}
        if self.matching:
            terms["feature_matching"] = self.matching * feature_matching(inner(judged), inner(real))
        if self.sight is not None:
            terms["perceptual"] = options.perceptual * perceptual(self.sight, fake, target)
        return terms
