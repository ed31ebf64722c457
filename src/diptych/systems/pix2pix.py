"""pix2pix: image-to-image translation with conditional adversarial networks (Isola et al., CVPR 2017, arXiv 1611.07004).

The default is the paper's version with the order of updates of the authors' PyTorch code: the discriminator first, on the fake of this
step, then the generator against the updated discriminator (``order = "simultaneous"``: against the one before its update).
Options give the five objectives of Table 1, the generators of Table 2, the receptive fields of Table 3, and later adversarial losses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from diptych.losses import ADVERSARIES, feature_matching, gradient_difference, gradient_penalty, l1
from diptych.networks import NetworkSpec, PatchGAN, initialise, size_limits
from diptych.pictures.kinds import Batch
from diptych.systems.detached_loss import detached_loss
from diptych.systems.system import Domains, Losses, System, SystemOptions, accuracy
from diptych.systems.unet_depth import depth_for


@dataclass(frozen=True)
class Pix2PixOptions(SystemOptions):
    """The [options] table of a pix2pix recipe; the defaults are the paper's."""

    objective: Literal["l1", "gan", "cgan", "l1+gan", "l1+cgan"] = "l1+cgan"  # terms of the loss (Table 1)
    l1: float = 100.0  # weight of the L1 term
    gradient_difference: float = 0.0  # weight of the L1 of neighbouring pixels' differences: flat fills, less texture
    feature_matching: float = 0.0  # weight of the distance of the discriminator's maps (pix2pixHD, equation 4)
    # The generator's adversarial term is by the updated discriminator (alternating), or by the one before.
    order: Literal["alternating", "simultaneous"] = "alternating"
    adversary: Literal["vanilla", "least-squares", "hinge", "wasserstein"] = "vanilla"  # adversarial loss
    gradient_penalty: float = 10.0  # weight of the penalty; used by the Wasserstein adversary only
    generator: Literal["unet", "encoder-decoder", "resnet"] = "unet"  # generator network (Table 2)
    depth: int = 0  # levels of the U-Net or encoder-decoder; 0 = as many as the crop size allows, at most 8
    blocks: int = 9  # residual blocks of the ResNet generator
    width: int = 64  # channels of the generator's first layer
    norm: Literal["batch", "instance", "none"] = "batch"  # normalisation layers of the generator
    statistics: Literal["picture", "running"] = "picture"  # whose batch norm has at test time; "picture" is the paper's
    dropout: tuple[int, ...] = (1, 2, 3)  # decoder levels with dropout; the PyTorch code has (2, 3, 4)
    dropout_at_test: bool = True  # dropout stays on when translating: the paper's only source of noise
    upsample: Literal["transposed", "resize", "shuffle"] = "transposed"  # how the decoder enlarges its maps
    bottleneck_norm: bool = False  # norm at the innermost level; the paper's experiments had it, its code does not
    bias: Literal["auto", "all"] = "auto"  # biases of convolutions; auto: none before batch norm
    discriminator_layers: Literal[0, 1, 2, 3, 4, 5, 6] = 3  # receptive fields 1, 16, 34, 70, 142, 286, 574
    discriminator_width: int = 64  # channels of the discriminator's first layer
    discriminator_norm: Literal["batch", "instance", "none"] = "batch"  # normalisation layers of the discriminator

    def __post_init__(self) -> None:
        self.require_at_least(0, "l1", "gradient_difference", "feature_matching", "gradient_penalty")
        self.require_at_least(1, "width", "discriminator_width", "blocks")


class Pix2Pix(System):
    """A generator and a PatchGAN discriminator; the objective "l1" has no discriminator."""

    Options = Pix2PixOptions

    def __init__(self, options: Pix2PixOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("pix2pix")
        self.options = options
        self.conditional = "cgan" in options.objective
        self.adversary = ADVERSARIES[options.adversary]
        self.spec = self.generator_spec(domains)
        self.generator = initialise(self.spec.build())
        self.discriminator: nn.Module | None = None
        if options.objective != "l1":
            discriminator = PatchGAN(
                domains.channels_out + (domains.channels_in if self.conditional else 0),
                layers=options.discriminator_layers,
                width=options.discriminator_width,
                norm=options.discriminator_norm,
                bias=options.bias,
            )
            self.discriminator = initialise(discriminator)
        judges = [] if self.discriminator is None else [size_limits(self.discriminator)]
        domains.require_size("pix2pix", size_limits(self.generator), *judges)
        self.sides = ("generator",) if self.discriminator is None else ("discriminator", "generator")
        if self.discriminator is None and (options.feature_matching or options.order != "alternating"):
            note = "With options.objective = l1 there is no discriminator: feature_matching and order do nothing."
            self.notes = (note,)

    def generator_spec(self, domains: Domains) -> NetworkSpec:
        """The generator that the options name. The depth of a U-Net follows from the crops' size."""
        options = self.options
        arguments = domains.network_arguments()
        arguments |= options.pick("width", "norm", "statistics", "dropout_at_test", "upsample", "bias")
        if options.generator == "resnet":
            return NetworkSpec("resnet", arguments | {"blocks": options.blocks, "dropout": bool(options.dropout)})
        arguments |= {"depth": depth_for(domains.size, options.depth), "skips": options.generator == "unet"}
        arguments |= {"dropout": list(options.dropout), "bottleneck_norm": options.bottleneck_norm}
        return NetworkSpec("unet", arguments)

    def judge(self, source: Tensor, image: Tensor) -> list[Tensor]:
        """The discriminator's logits of ``image``, with its maps before them where features are matched.

        A conditional discriminator takes the source beside the image.
        """
        assert self.discriminator is not None
        pair = torch.cat([source, image], dim=1) if self.conditional else image
        if self.options.feature_matching:
            assert isinstance(self.discriminator, PatchGAN)
            return self.discriminator.maps(pair)
        return [self.discriminator(pair)]

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        source, target = batch
        fake = self.generator(source)
        terms: dict[str, Tensor] = {}
        if self.discriminator is not None:
            at_once = self.options.order == "simultaneous"
            shown = fake.detach().requires_grad_(at_once)
            # Real and fake go through in separate batches, fake first (paper, section 3.3).
            judged, real = self.judge(source, shown), self.judge(source, target)
            if at_once:  # against the discriminator before its update, whose output both losses use
                terms = detached_loss(self.adversarial_terms(judged, real), shown, fake)
            yield self.discriminator_losses(source, target, shown, judged[-1], real[-1])
            if not at_once:
                terms = self.adversarial_terms(self.judge(source, fake), real)
        if "l1" in self.options.objective:
            terms["l1"] = self.options.l1 * l1(fake, target)
        if self.options.gradient_difference:
            terms["gradient_difference"] = self.options.gradient_difference * gradient_difference(fake, target)
        yield Losses("generator", terms)

    def adversarial_terms(self, judged: list[Tensor], real: list[Tensor]) -> dict[str, Tensor]:
        """The adversarial term and feature matching.

        In alternating order ``real`` is from before the discriminator's update, which saves a forward pass.
        """
        terms = {"adversarial": self.adversary.generator(judged[-1])}
        if self.options.feature_matching:
            terms["feature_matching"] = self.options.feature_matching * feature_matching([judged[:-1]], [real[:-1]])
        return terms

    def discriminator_losses(
        self, source: Tensor, target: Tensor, fake: Tensor, judged: Tensor, real: Tensor
    ) -> Losses:
        """``judged`` and ``real`` are logits; the objective is halved (paper, section 3.3)."""
        terms = {"adversarial": 0.5 * self.adversary.discriminator(real, judged)}
        if self.options.adversary == "wasserstein" and self.options.gradient_penalty > 0:
            mix = torch.rand(len(target), 1, 1, 1, device=target.device)
            penalty = gradient_penalty(lambda image: self.judge(source, image)[-1], target, fake.detach(), mix)
            terms["gradient_penalty"] = self.options.gradient_penalty * penalty
        return Losses("discriminator", terms, accuracy(self.options.adversary, real, judged))
