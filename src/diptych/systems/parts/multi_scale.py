"""What pix2pixHD and SPADE share: discriminators on several scales, whose output is a list of feature maps for each scale."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from diptych.losses import ADVERSARIES, Adversary, feature_matching
from diptych.networks import size_limits
from diptych.networks.discriminators import MultiScale
from diptych.networks.features.perceptual import loss_note, network_of_loss, perceptual_loss
from diptych.systems.system import Domains, System, accuracy

ScaleMaps = Sequence[Sequence[Tensor]]
"""For each scale the maps of each layer, the logits last."""


def logits(judged: ScaleMaps) -> list[Tensor]:
    return [scale[-1] for scale in judged]


def feature_maps(judged: ScaleMaps) -> list[Sequence[Tensor]]:
    """The maps before the logits, for feature matching."""
    return [scale[:-1] for scale in judged]


def discriminator_loss(adversary: Adversary, real: ScaleMaps, fake: ScaleMaps) -> Tensor:
    """The discriminator's loss, summed over the scales."""
    pairs = zip(logits(real), logits(fake), strict=True)
    return torch.stack([adversary.discriminator(one, other) for one, other in pairs]).sum()


def adversarial_loss(adversary: Adversary, fake: ScaleMaps) -> Tensor:
    """The generator's adversarial term, summed over the scales."""
    return torch.stack([adversary.generator(one) for one in logits(fake)]).sum()


def mean_accuracy(adversary: str, real: ScaleMaps, fake: ScaleMaps) -> dict[str, Tensor]:
    shares = [accuracy(adversary, one, other) for one, other in zip(logits(real), logits(fake), strict=True)]
    return {"accuracy": torch.stack([share["accuracy"] for share in shares]).mean()} if shares[0] else {}


def split(judged: ScaleMaps, count: int) -> tuple[ScaleMaps, ScaleMaps]:
    """The maps of the first ``count`` pictures of a batch, and those of the others."""
    first, others = (
        [[maps[part] for maps in scale] for scale in judged] for part in (slice(count), slice(count, None))
    )
    return first, others


class MultiScaleSystem(System):
    """An adversarial loss on several scales, feature matching and a perceptual loss.

    VGG19 is given its pictures in [-1, 1], without ImageNet's normalisation, as in the authors' codes.
    """

    def __init__(self, options: Any, domains: Domains) -> None:
        """``options`` has ``adversary``, ``feature_matching``, ``perceptual``, ``perceptual_network`` and the discriminators'.

        Raises:
            DiptychError: when the weights of the perceptual loss's network are missing.
        """
        super().__init__(options, domains)
        self.options = options
        self.adversary = ADVERSARIES[options.adversary]
        self.matching = options.feature_matching
        """Weight of the feature matching loss, which is summed over maps and averaged over scales."""
        self.perceptual_network = network_of_loss(options.perceptual, options.perceptual_network)
        if self.perceptual_network is not None:
            self.notes = (loss_note(self.perceptual_network.name),)
            self.facts = {"perceptual loss": self.perceptual_network.name}

    def check(self, system: str, domains: Domains, generator: nn.Module) -> None:
        """Raises UsageError for crops or channels that the generator or the perceptual loss cannot take."""
        sizes = [size_limits(generator), *filter(None, [self.perceptual_network])]
        domains.require_size(system, *sizes)
        if self.perceptual_network is not None:
            domains.require_rgb_or_grey(system, "options.perceptual=0")

    def build_discriminator(self, channels: int, spectral: bool = False) -> MultiScale:
        options = self.options
        shape = {"layers": options.discriminator_layers, "width": options.discriminator_width}
        return MultiScale(channels, scales=options.scales, spectral=spectral, **shape)

    def generator_terms(
        self, adversarial: Tensor, fake: Tensor, target: Tensor, judged: ScaleMaps, real: ScaleMaps
    ) -> dict[str, Tensor]:
        """The generator's terms.

        Args:
            adversarial: a scalar.
            fake, target: pictures.
            judged, real: the discriminator's maps of them.
        """
        options, terms = self.options, {"adversarial": adversarial}
        if self.matching:
            terms["feature_matching"] = self.matching * feature_matching(feature_maps(judged), feature_maps(real))
        if self.perceptual_network is not None:
            terms["perceptual"] = options.perceptual * perceptual_loss(self.perceptual_network, fake, target)
        return terms
