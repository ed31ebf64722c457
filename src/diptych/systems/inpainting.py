"""Patch-based inpainting: a residual generator against a global and a patch discriminator (Demir and Unal 2018, arXiv 1803.07422).

A reconstruction from the paper's abstract and its three weights; options open the other choices. Both discriminators take the
composite (``judged = "painted"``: the raw output). L1 is over the whole picture (``l1_on``). Each head's map is averaged before it is
weighted. The discriminator is updated first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from diptych.errors import UsageError
from diptych.losses import ADVERSARIES, AdversaryName, l1
from diptych.networks import NetworkSpec, initialise, size_limits
from diptych.networks.dilated import DilatedResNet, TwoHeadedDiscriminator, composited
from diptych.pictures.kinds import Batch
from diptych.systems.system import Domains, Losses, System, SystemOptions, Translated, accuracy


@dataclass(frozen=True)
class InpaintingOptions(SystemOptions):
    """The [options] table of an inpainting recipe."""

    l1: float = 0.995  # weight of the L1 term
    whole: float = 0.0025  # weight of the global adversarial term
    patch: float = 0.0025  # weight of the patches' adversarial term
    l1_on: Literal["picture", "hole"] = "picture"  # where the L1 term is computed
    judged: Literal["composite", "painted"] = "composite"  # what is judged: with the known pixels, or raw
    composite: bool = True  # results keep the known pixels
    sees_mask: bool = True  # the generator is given the mask
    adversary: AdversaryName = "vanilla"  # adversarial loss
    blocks: int = 9  # residual blocks of the generator
    block: Literal["standard", "dilated", "dilated-first", "dilated-second"] = "dilated"  # kind of the residual blocks
    width: int = 64  # channels of the generator's first layer
    downs: int = 2  # times that the generator halves the picture
    norm: Literal["batch", "instance", "none"] = "batch"  # normalisation layers of the generator
    upsample: Literal["transposed", "resize", "shuffle"] = "resize"  # how the generator enlarges its maps
    discriminator_width: int = 64  # channels of the discriminator's first layer
    discriminator_norm: Literal["batch", "instance", "none"] = "batch"  # normalisation layers of the discriminator
    patch_dense: bool = False  # a dense layer that relates the patches

    def __post_init__(self) -> None:
        self.require_at_least(0, "l1", "whole", "patch")
        self.require_at_least(1, "blocks", "width", "downs", "discriminator_width")
        if not self.whole + self.patch:
            raise UsageError("one of options.whole and options.patch must be positive.")


class Inpainting(System):
    """A generator that fills holes, and one discriminator with two heads."""

    Options = InpaintingOptions

    def __init__(self, options: InpaintingOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("inpainting", "holed")
        if min(domains.size) < 64:
            raise UsageError("inpainting judges whole crops of 64 pixels or more; set data.crop_size to 64 or more.")
        self.options = options
        self.adversary = ADVERSARIES[options.adversary]
        shape = options.pick("blocks", "block", "width", "downs", "norm", "upsample", "sees_mask", "composite")
        self.spec = NetworkSpec("dilated-resnet", domains.network_arguments() | shape)
        generator = initialise(self.spec.build())
        assert isinstance(generator, DilatedResNet)
        self.generator = generator
        domains.require_size("inpainting", size_limits(generator))
        discriminator = TwoHeadedDiscriminator(
            domains.channels_out,
            size=domains.size,
            width=options.discriminator_width,
            norm=options.discriminator_norm,
            patch_dense=options.patch_dense,
        )
        self.discriminator = initialise(discriminator)
        self.sides = ("discriminator", "generator")

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        source, target = batch
        options = self.options
        painted = self.generator.paint(source)
        shown = composited(painted, source) if options.judged == "composite" else painted
        real, fake = self.discriminator(target), self.discriminator(shown.detach())
        weights = {"whole": options.whole, "patch": options.patch}
        terms, figures = {}, {}
        for name, one, other in zip(weights, real, fake, strict=True):
            if weights[name]:
                terms[name] = self.adversary.discriminator(one, other)
                figures[f"accuracy_{name}"] = accuracy(options.adversary, one, other)["accuracy"]
        yield Losses("discriminator", terms, figures)
        judged = zip(weights, self.discriminator(shown), strict=True)
        terms = {name: weights[name] * self.adversary.generator(logits) for name, logits in judged if weights[name]}
        terms["l1"] = options.l1 * self.distance(painted, source, target)
        result = composited(painted, source) if options.composite else painted
        yield Losses("generator", terms, pictures={"a-to-b": Translated(source, target, result)})

    def distance(self, painted: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Mean absolute difference over the whole picture, or over the hole alone."""
        if self.options.l1_on == "picture":
            return l1(painted, target)
        hole = (source[:, -1:] > 0).float()
        difference = (painted.float() - target.float()).abs().mean(1, keepdim=True)
        return (difference * hole).sum() / hole.sum().clamp(min=1)
