"""What systems do with a discriminator of several scales: each answer is a list of scales, each a list of maps."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from diptych.losses import ADVERSARIES, Adversary, feature_matching
from diptych.networks import size_limits
from diptych.networks.features.perceptual import PerceptualNetwork, loss_note, perceptual_loss
from diptych.systems.system import Domains, System, accuracy

ScaleMaps = Sequence[Sequence[Tensor]]


def logits(judged: ScaleMaps) -> list[Tensor]:
    return [scale[-1] for scale in judged]


def feature_maps(judged: ScaleMaps) -> list[Sequence[Tensor]]:
    """The maps before the logits, for feature matching."""
    return [scale[:-1] for scale in judged]


def discriminator_loss(adversary: Adversary, real: ScaleMaps, fake: ScaleMaps) -> Tensor:
    """The discriminator's objective, summed over the scales."""
    pairs = zip(logits(real), logits(fake), strict=True)
    return torch.stack([adversary.discriminator(one, other) for one, other in pairs]).sum()


def adversarial_loss(adversary: Adversary, fake: ScaleMaps) -> Tensor:
    """The generator's adversarial term, summed over the scales."""
    return torch.stack([adversary.generator(one) for one in logits(fake)]).sum()


def mean_accuracy(adversary: str, real: ScaleMaps, fake: ScaleMaps) -> dict[str, Tensor]:
    shares = [accuracy(adversary, one, other) for one, other in zip(logits(real), logits(fake), strict=True)]
    return {"accuracy": torch.stack([share["accuracy"] for share in shares]).mean()} if shares[0] else {}


def split(judged: ScaleMaps, count: int) -> tuple[ScaleMaps, ScaleMaps]:
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
        self.perceptual_network: PerceptualNetwork | None = None
        if options.perceptual and options.perceptual_network != "none":
            self.perceptual_network = PerceptualNetwork(options.perceptual_network, normalised=False)
            self.notes = (loss_note(self.perceptual_network.name),)
            self.facts = {"perceptual loss": self.perceptual_network.name}

    def check(self, system: str, domains: Domains, generator: nn.Module) -> None:
        """Raises UsageError for crops or channels that the generator or the perceptual loss cannot take."""
        domains.require_size(
            system, size_limits(generator), *([self.perceptual_network] if self.perceptual_network else [])
        )
        if self.perceptual_network is not None:
            domains.require_rgb_or_grey(system)

    def generator_terms(
        self, adversarial: Tensor, fake: Tensor, target: Tensor, judged: ScaleMaps, real: ScaleMaps
    ) -> dict[str, Tensor]:
        """The adversarial term, and those that the options ask for.

        Args:
            adversarial: a scalar.
            fake, target: pictures.
            judged, real: what the discriminator says of them.
        """
        options, terms = self.options, {"adversarial": adversarial}
        if self.matching:
            terms["feature_matching"] = self.matching * feature_matching(feature_maps(judged), feature_maps(real))
        if self.perceptual_network is not None:
            terms["perceptual"] = options.perceptual * perceptual_loss(self.perceptual_network, fake, target)
        return terms
