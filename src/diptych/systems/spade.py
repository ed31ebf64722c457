"""SPADE, or GauGAN: semantic image synthesis with spatially-adaptive normalization (Park et al., CVPR 2019, arXiv 1903.07291).

This follows the authors' code in its places of spectral normalisation and its hinge loss averaged over the scales. Fake and real
pictures pass the discriminator in one batch, fake first. The generator is updated first. The discriminator's update uses a new
fake, so running statistics and singular vectors are updated twice in a step.
The rates are 1e-4 and 4e-4 with beta2 0.9, as in the code; the paper says 0.999.
``style`` turns on the image encoder, whose KL divergence is summed over the batch as in the code.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from diptych.errors import UsageError
from diptych.losses import AdversaryName, kl_divergence
from diptych.networks import NetworkSpec
from diptych.networks.spade import SPADE, xavier_init
from diptych.pictures.kinds import Batch
from diptych.systems.parts import multi_scale
from diptych.systems.system import Domains, Losses, SystemOptions, Translated


@dataclass(frozen=True)
class SPADEOptions(SystemOptions):
    """The [options] table of a SPADE recipe; the defaults are the authors' code's."""

    adversary: AdversaryName = "hinge"  # adversarial loss
    feature_matching: float = 10.0  # weight of the distance of the discriminators' maps
    perceptual: float = 10.0  # weight of the perceptual loss
    perceptual_network: Literal["vgg19", "efficientnet-lite0", "none"] = "vgg19"  # network of the perceptual loss
    style: int = 0  # numbers that encode a picture's style; 256 in the code, 0 = no encoder
    kl: float = 0.05  # weight of the KL divergence of the style encoder
    width: int = 64  # channels of the generator's last blocks; the first have sixteen times as many
    depth: Literal["normal", "more", "most"] = "normal"  # times that the generator enlarges: 5, 6 or 7
    norm: Literal["batch", "instance"] = "batch"  # what SPADE layers normalise by, before scale and shift
    kernel: Literal[1, 3, 5] = 3  # side of the convolutions inside each SPADE layer
    hidden: int = 128  # channels inside each SPADE layer
    spectral: bool = True  # spectral normalisation, where the authors' code has it
    encoder_width: int = 64  # channels of the style encoder's first layer
    scales: int = 2  # discriminators, each on pictures of half the size of the one before
    discriminator_layers: int = 3  # strided layers of each discriminator
    discriminator_width: int = 64  # channels of the discriminators' first layer

    def __post_init__(self) -> None:
        self.require_at_least(0, "feature_matching", "perceptual", "style", "kl")
        self.require_at_least(1, "width", "hidden", "encoder_width", "scales")
        self.require_at_least(1, "discriminator_layers", "discriminator_width")
        if self.depth == "most" and self.width < 2:
            raise UsageError("options.width must be at least 2 with options.depth=most, which halves it once more.")


class SPADESystem(multi_scale.MultiScaleSystem):
    """A generator that takes the semantic map at every scale, optionally an encoder, and discriminators on several scales."""

    Options = SPADEOptions
    takes_gaps = True

    def __init__(self, options: SPADEOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("SPADE", "labels", "pictures")
        shape = options.pick("width", "depth", "style", "norm", "kernel", "hidden", "spectral", "encoder_width")
        self.spec = NetworkSpec("spade", domains.network_arguments() | shape | {"size": list(domains.size)})
        generator = self.spec.build()
        assert isinstance(generator, SPADE)
        self.check("SPADE", domains, generator)
        self.generator = generator
        channels = generator.semantics.channels + domains.channels_out
        self.discriminator = self.build_discriminator(channels, options.spectral)
        xavier_init(self.discriminator)
        self.sides = ("generator", "discriminator")

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        source, target = batch
        maps = self.generator.semantics(source)
        style, penalty = self.style(target)
        fake = batch.fill(self.generator(source, style))
        judged, real = self.judge(maps, fake, target)
        options, scales = self.options, self.options.scales
        adversarial = multi_scale.adversarial_loss(self.adversary, judged) / scales
        terms = self.generator_terms(adversarial, fake, target, judged, real)
        if penalty is not None:
            terms["kl"] = options.kl * penalty
        yield Losses("generator", terms, pictures={"a-to-b": Translated(source, target, fake)})
        with torch.no_grad():
            fake = batch.fill(self.generator(source, self.style(target)[0]))
        judged, real = self.judge(maps, fake, target)
        adversarial = multi_scale.discriminator_loss(self.adversary, real, judged) / scales
        figures = multi_scale.mean_accuracy(options.adversary, real, judged)
        yield Losses("discriminator", {"adversarial": adversarial}, figures)

    def style(self, target: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """A style drawn from the encoder's distribution for the target, and that distribution's divergence from N(0, 1)."""
        if not self.options.style:
            return None, None
        mean, log_variance = self.generator.encode(target)
        return mean + torch.randn_like(mean) * (0.5 * log_variance).exp(), kl_divergence(mean, log_variance)

    def judge(self, maps: Tensor, fake: Tensor, real: Tensor) -> tuple[multi_scale.ScaleMaps, multi_scale.ScaleMaps]:
        """The discriminator's maps of fake and of real pictures, from one pass."""
        together = torch.cat([torch.cat([maps, fake], 1), torch.cat([maps, real.to(fake.dtype)], 1)])
        return multi_scale.split(self.discriminator(together), len(fake))
