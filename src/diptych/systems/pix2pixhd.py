"""pix2pixHD: high-resolution synthesis and semantic manipulation (Wang et al., CVPR 2018, arXiv 1711.11585).

This follows the authors' code: one forward pass for both updates, the generator's first; least squares summed over the scales;
VGG19 without ImageNet's normalisation. The paper has three scales of discriminators (``scales = 3``), the code two.
Styles are collected during training (``networks/semantics.py``); the authors encode the training set afterwards.
A 1024p run starts from a 512p one with ``training.init_from`` and ``enhancers = 1``. For ``fix_coarse_steps`` it then trains the
outermost enhancer and the encoder alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from diptych.errors import UsageError
from diptych.losses import AdversaryName
from diptych.networks import NetworkSpec, initialise
from diptych.networks.coarse_to_fine import CoarseToFine
from diptych.pictures.kinds import Batch
from diptych.systems.parts import multi_scale
from diptych.systems.system import Domains, Losses, SystemOptions, Translated


@dataclass(frozen=True)
class Pix2PixHDOptions(SystemOptions):
    """The [options] table of a pix2pixHD recipe; the defaults are the authors' code's."""

    adversary: AdversaryName = "least-squares"  # adversarial loss
    feature_matching: float = 10.0  # weight of the distance of the discriminators' maps
    perceptual: float = 10.0  # weight of the perceptual loss
    perceptual_network: Literal["vgg19", "efficientnet-lite0", "none"] = "vgg19"  # network of the perceptual loss
    width: int = 64  # channels of the global generator's first layer
    downs: int = 4  # times that the global generator halves the picture
    blocks: int = 9  # residual blocks of the global generator
    enhancers: int = 0  # local enhancers, each of which doubles the resolution
    enhancer_blocks: int = 3  # residual blocks of each enhancer
    fix_coarse_steps: int = 0  # before this step only the outermost enhancer and the encoder are trained
    features: int = 0  # numbers that encode an instance's style; 3 in the paper, 0 = no encoder
    encoder_width: int = 16  # channels of the encoder's first layer
    norm: Literal["instance", "batch"] = "instance"  # normalisation layers of all networks
    upsample: Literal["transposed", "resize", "shuffle"] = "transposed"  # how maps are enlarged
    scales: int = 2  # discriminators, each on pictures of half the size of the one before
    discriminator_layers: int = 3  # strided layers of each discriminator
    discriminator_width: int = 64  # channels of the discriminators' first layer

    def __post_init__(self) -> None:
        self.require_at_least(0, "feature_matching", "perceptual", "enhancers", "fix_coarse_steps", "features")
        self.require_at_least(1, "width", "downs", "blocks", "enhancer_blocks", "encoder_width", "scales")
        self.require_at_least(1, "discriminator_layers", "discriminator_width")
        if self.width % 2**self.enhancers:
            raise UsageError(f"options.width ({self.width}) must be divisible by 2 for each of options.enhancers.")
        if self.fix_coarse_steps and not self.enhancers:
            raise UsageError(
                "options.fix_coarse_steps trains a local enhancer alone: set options.enhancers to 1 or more."
            )


class Pix2PixHD(multi_scale.MultiScaleSystem):
    """A coarse-to-fine generator, optionally with an encoder, and discriminators on several scales."""

    Options = Pix2PixHDOptions
    takes_gaps = True

    def __init__(self, options: Pix2PixHDOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("pix2pixHD", "labels", "pictures")
        shape = options.pick("width", "downs", "blocks", "enhancers", "enhancer_blocks", "features", "encoder_width")
        arguments = domains.network_arguments() | shape | options.pick("norm", "upsample")
        self.spec = NetworkSpec("coarse-to-fine", arguments)
        generator = initialise(self.spec.build(), biases=False)
        assert isinstance(generator, CoarseToFine)
        self.generator = generator
        self.check("pix2pixHD", domains, generator)
        discriminator = self.build_discriminator(generator.semantics.channels + domains.channels_out)
        self.discriminator = initialise(discriminator, biases=False)
        self.sides = ("generator", "discriminator")
        self.phase_steps = (options.fix_coarse_steps,)
        # The authors' code divides by the number of maps over 4; the default is four maps.
        self.matching *= 4 / (options.discriminator_layers + 1)

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        source, target = batch
        maps = self.generator.semantics(source)
        frozen = step < self.options.fix_coarse_steps
        fake = batch.fill(self.generator(source, self.style(source, target), frozen))
        real = self.discriminator(torch.cat([maps, target], 1))
        judged = self.discriminator(torch.cat([maps, fake], 1))
        adversarial = multi_scale.adversarial_loss(self.adversary, judged)
        terms = self.generator_terms(adversarial, fake, target, judged, real)
        parts = self.generator.coarse_parts if frozen else ()
        yield Losses("generator", terms, frozen=parts, pictures={"a-to-b": Translated(source, target, fake)})
        # The discriminator has not changed since, so its output on the real pictures is used again.
        judged = self.discriminator(torch.cat([maps, fake.detach()], 1))
        adversarial = 0.5 * multi_scale.discriminator_loss(self.adversary, real, judged)
        figures = multi_scale.mean_accuracy(self.options.adversary, real, judged)
        yield Losses("discriminator", {"adversarial": adversarial}, figures)

    def style(self, source: Tensor, target: Tensor) -> Tensor | None:
        """The encoded style of each instance, which the style bank keeps too."""
        if self.generator.encoder is None:
            return None
        encoded = self.generator.encode(source, target)
        self.generator.remember(source, encoded)
        return encoded
