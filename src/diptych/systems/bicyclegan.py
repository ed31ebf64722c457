"""BicycleGAN: many answers to one input (Zhu et al., Toward Multimodal Image-to-Image Translation, NeurIPS 2017, arXiv 1711.11586).

A generator takes a picture and a style, a vector of random numbers. Two halves of a batch hold the style to the picture:

* cVAE-GAN: the style is encoded from the target, which the translation must then give back.
* cLR-GAN: the style is drawn, and must be found again in the translation. This term trains the generator alone: an encoder
  that it trained too would hide the style in the pictures.

Each half has a discriminator of its own. The generator and the encoder are updated first, the discriminators on the fakes from before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from diptych.losses import ADVERSARIES, AdversaryName, kl_divergence, l1
from diptych.networks import NetworkSpec, size_limits
from diptych.networks.bicycle.style_unet import StyleUNet
from diptych.networks.bicycle.two_scales import TwoScales
from diptych.networks.spade import xavier_init
from diptych.pictures.kinds import Batch
from diptych.systems.parts.detached_loss import detached_loss
from diptych.systems.parts.multi_scale import adversarial_loss, discriminator_loss, mean_accuracy
from diptych.systems.parts.unet_depth import depth_for
from diptych.systems.system import Domains, Losses, System, SystemOptions, Translated

HALVES = ("encoded", "random")
"""Where the style of each half of a batch comes from."""


@dataclass(frozen=True)
class BicycleGANOptions(SystemOptions):
    """The [options] table of a BicycleGAN recipe; the defaults are the authors' code's."""

    style: int = 8  # numbers of a style
    style_at: Literal["all", "first"] = "all"  # levels of the encoder that are given the style
    l1: float = 10.0  # weight of the L1 term, of translations in the encoded style
    kl: float = 0.01  # weight of the KL divergence of encoded styles from N(0, 1), summed over half a batch
    latent: float = 0.5  # weight of L1 between a drawn style and that found in its translation
    adversary: AdversaryName = "least-squares"  # adversarial loss, summed over two scales
    conditional: bool = False  # discriminators see the source too; the paper found it no better
    depth: int = 0  # levels of the U-Net; 0 = as many as the crop size allows, at most 8
    width: int = 64  # channels of the generator's first layer
    dropout: tuple[int, ...] = (2, 3, 4)  # decoder levels with dropout, 1 the innermost; off when translating
    upsample: Literal["transposed", "resize", "shuffle"] = "transposed"  # how the decoder enlarges its maps
    encoder_width: int = 64  # channels of the style encoder's first layer
    discriminator_layers: Literal[1, 2, 3, 4, 5, 6] = (
        3  # receptive fields 16, 34, 70, 142, 286, 574; twice that at half scale
    )
    discriminator_width: int = 64  # channels of the discriminators' first layer; at half scale half as many

    def __post_init__(self) -> None:
        self.require_at_least(0, "l1", "kl", "latent")
        self.require_at_least(1, "style", "width", "encoder_width", "discriminator_width")


class BicycleGAN(System):
    """A U-Net with a style and its encoder in one side, a discriminator of two scales for each half in the other."""

    Options = BicycleGANOptions
    needs_pairs = True
    batch_multiple = len(HALVES)

    def __init__(self, options: BicycleGANOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("BicycleGAN")
        self.options, self.adversary = options, ADVERSARIES[options.adversary]
        shape = options.pick("style", "style_at", "width", "dropout", "upsample", "encoder_width")
        shape |= {"dropout": list(options.dropout), "dropout_at_test": False, "norm": "instance"}
        shape |= {"depth": depth_for(domains.size, options.depth), "size": list(domains.size)}
        self.spec = NetworkSpec("style-unet", domains.network_arguments() | shape)
        generator = self.spec.build()
        assert isinstance(generator, StyleUNet)
        self.generator = generator
        seen = domains.channels_out + (domains.channels_in if options.conditional else 0)
        layers, width = options.discriminator_layers, options.discriminator_width
        judges = {name: TwoScales(seen, layers=layers, width=width) for name in HALVES}
        self.discriminator = nn.ModuleDict(judges)
        domains.require_size("BicycleGAN", size_limits(generator), judges["encoded"])
        xavier_init(self)
        self.sides = ("generator", "discriminator")

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        options, half = self.options, len(batch.source) // 2
        source, target = (pictures[:half] for pictures in batch)
        mean, log_variance = self.generator.encode(target)
        drawn = torch.randn_like(mean)
        encoded = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        # Both translations are of the first half's sources; they share a pass, since no layer mixes the pictures of a batch.
        fakes = self.generator(torch.cat([source, source]), torch.cat([encoded, drawn])).chunk(2)
        terms = {
            f"adversarial_{name}": adversarial_loss(self.adversary, self.judge(name, source, fake))
            for name, fake in zip(HALVES, fakes, strict=True)
        }
        terms["l1"] = options.l1 * l1(fakes[0], target)
        terms["kl"] = options.kl * kl_divergence(mean, log_variance)
        if options.latent:
            terms |= self.latent_terms(fakes[1], drawn)
        yield Losses("generator", terms, pictures={"a-to-b": Translated(source, target, fakes[0])})
        terms, figures = dict[str, Tensor](), dict[str, Tensor]()
        real = (batch.target[:half], batch.source[:half]), (batch.target[half:], batch.source[half:])
        for name, fake, (others, theirs) in zip(HALVES, fakes, real, strict=True):
            judged = self.judge(name, source, fake.detach()), self.judge(name, theirs, others)
            terms[f"adversarial_{name}"] = discriminator_loss(self.adversary, judged[1], judged[0])
            shares = mean_accuracy(options.adversary, judged[1], judged[0])
            figures |= {f"{word}_{name}": share for word, share in shares.items()}
        yield Losses("discriminator", terms, figures)

    def latent_terms(self, fake: Tensor, drawn: Tensor) -> dict[str, Tensor]:
        """The distance of the styles found in translations from those drawn, whose gradient reaches the generator alone."""
        seen = fake.detach().requires_grad_()
        distance = self.options.latent * l1(self.generator.encode(seen)[0], drawn)
        return detached_loss({"latent": distance}, seen, fake)

    def judge(self, name: str, source: Tensor, picture: Tensor) -> list[list[Tensor]]:
        """For each scale its logits, by the discriminator of one half."""
        picture = torch.cat([source, picture.to(source.dtype)], 1) if self.options.conditional else picture
        return [[logits] for logits in self.discriminator[name](picture)]
