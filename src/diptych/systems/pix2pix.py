"""pix2pix: image-to-image translation with conditional adversarial networks (Isola et al., CVPR 2017, arXiv 1611.07004).

The default is the paper's version with the order of updates of the authors' PyTorch code: the discriminator first, on the fake of this
step, then the generator against the updated discriminator (``order = "simultaneous"``: against the one before its update).
Options give the five objectives of Table 1, the generators of Table 2, the receptive fields of Table 3, and later adversarial losses.
The mode-seeking term (Mao et al., CVPR 2019, arXiv 1903.05628) gives a source two answers: L1 is of one, the discriminator sees both.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from diptych.losses import feature_matching, gradient_difference, gradient_penalty, mode_seeking, pyramid_l1
from diptych.networks import NetworkSpec, accepted, size_limits
from diptych.networks.features.perceptual import network_of_loss, perceptual_loss
from diptych.pictures.kinds import Batch
from diptych.systems.parts.detached_loss import detached_loss
from diptych.systems.parts.judges import (
    build_judges,
    judged_by,
    losses_of_judges,
    network_facts,
    require_maps,
    terms_of_judges,
)
from diptych.systems.parts.multi_scale import ScaleMaps
from diptych.systems.parts.unet_depth import depth_for
from diptych.systems.pix2pix_options import Pix2PixOptions
from diptych.systems.system import Domains, Losses, System, Translated
from diptych.tables import to_table

SECOND = ("adversarial_second", "accuracy_second")  # names in the log


class Pix2Pix(System):
    """A generator and a PatchGAN discriminator, or registered networks in their places; the objective "l1" has no discriminator."""

    Options = Pix2PixOptions
    takes_gaps = True

    def __init__(self, options: Pix2PixOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("pix2pix")
        self.options = options
        self.conditional = "cgan" in options.objective
        self.needs_pairs = options.compares_targets
        self.spec = self.generator_spec(domains)
        self.generator = self.spec.fresh()
        self.discriminator: nn.Module | None = None
        self.sides = ("generator",)
        if options.objective != "l1":
            self.discriminator = build_judges(options.projected, options.projected_heads, self.patch_spec(domains))
            self.sides = ("discriminator", "generator")
            self.facts = network_facts(options.projected)
        self.matching = options.feature_matching if self.discriminator and options.projected != "alone" else 0.0
        """Weight of the distance of the PatchGAN's maps, where there is one."""
        if self.matching:
            require_maps(options.discriminator, self.discriminator)
        self.perceptual_network = network_of_loss(options.perceptual, options.perceptual_network)
        if self.perceptual_network is not None:
            self.facts = {**self.facts, "perceptual loss": self.perceptual_network.name}
        if self.facts:
            domains.require_rgb_or_grey("pix2pix", "options.perceptual=0", "options.projected=none")
        judges = [] if self.discriminator is None else [size_limits(self.discriminator)]
        looking = filter(None, [self.perceptual_network, *judges])
        domains.require_size("pix2pix", size_limits(self.generator), *looking)
        options.require_levels(domains.size)
        self.notes = options.notes()

    def generator_spec(self, domains: Domains) -> NetworkSpec:
        """The generator that the options name. The depth of a U-Net follows from the crops' size."""
        options = self.options
        arguments = domains.network_arguments()
        if options.generator not in ("unet", "encoder-decoder", "resnet"):
            return NetworkSpec(options.generator, accepted(options.generator, to_table(options) | arguments))
        arguments |= options.pick("width", "norm", "statistics", "dropout_at_test", "upsample", "bias", "separable")
        if options.generator == "resnet":
            return NetworkSpec("resnet", arguments | {"blocks": options.blocks, "dropout": bool(options.dropout)})
        arguments |= {"depth": depth_for(domains.size, options.depth), "skips": options.generator == "unet"}
        arguments |= {"dropout": list(options.dropout)} | options.pick("bottleneck_norm", "style")
        return NetworkSpec("unet", arguments)

    def patch_spec(self, domains: Domains) -> NetworkSpec:
        arguments = {
            "channels_in": domains.channels_out + (domains.channels_in if self.conditional else 0),
            **{name: getattr(self.options, f"discriminator_{name}") for name in ("layers", "width", "norm")},
            **self.options.pick("bias"),
        }
        return NetworkSpec(self.options.discriminator, accepted(self.options.discriminator, arguments))

    def judge(self, source: Tensor, image: Tensor) -> ScaleMaps:
        assert self.discriminator is not None
        return judged_by(self.discriminator, image, source if self.conditional else None, bool(self.matching))

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        source, target = batch
        styles = self.draw_styles(source)
        fake, *others = [batch.fill(self.generator(source, *style)) for style in styles]
        terms: dict[str, Tensor] = {}
        if self.discriminator is not None:
            at_once = self.options.order == "simultaneous"
            shown = fake.detach().requires_grad_(at_once)
            # Real and fake go through in separate batches, fake first (paper, section 3.3).
            judged, real = self.judge(source, shown), self.judge(source, target)
            if at_once:  # against the discriminator before its update, whose output both losses use
                terms = detached_loss(self.adversarial_terms(judged, real), shown, fake)
            losses = self.discriminator_losses(source, target, shown, judged, real)
            for other in others:
                again = losses_of_judges("", self.options.adversary, real, self.judge(source, other.detach()), SECOND)
                losses.terms.update(again.terms)
            yield losses
            if not at_once:
                terms = self.adversarial_terms(self.judge(source, fake), real)
            for other in others:
                terms |= terms_of_judges(self.options.adversary, self.judge(source, other), SECOND[0])
        if "l1" in self.options.objective:
            terms["l1"] = self.options.l1 * pyramid_l1(fake, target, self.options.l1_pyramid, batch.weights)
        if self.options.gradient_difference:
            difference = gradient_difference(fake, target, batch.weights)
            terms["gradient_difference"] = self.options.gradient_difference * difference
        if self.perceptual_network is not None:
            terms["perceptual"] = self.options.perceptual * perceptual_loss(self.perceptual_network, fake, target)
        if others:
            seeking = mode_seeking(fake, others[0], styles[0][0], styles[1][0], self.options.mode_seeking_knee)
            terms["mode_seeking"] = self.options.mode_seeking * seeking
        yield Losses("generator", terms, pictures={"a-to-b": Translated(source, target, fake)})

    def draw_styles(self, source: Tensor) -> list[tuple[Tensor, ...]]:
        """What the generator is given beside the sources: nothing, a style each, or twice that for the mode-seeking term."""
        draws, numbers = 2 if self.options.mode_seeking else 1, self.options.style
        return [(torch.randn(len(source), numbers, device=source.device),) if numbers else () for _ in range(draws)]

    def adversarial_terms(self, judged: ScaleMaps, real: ScaleMaps) -> dict[str, Tensor]:
        """Feature matching too; in alternating order ``real`` is from before the discriminator's update, which saves a pass."""
        terms = terms_of_judges(self.options.adversary, judged)
        if self.matching:
            terms["feature_matching"] = self.matching * feature_matching([judged[0][:-1]], [real[0][:-1]])
        return terms

    def discriminator_losses(
        self, source: Tensor, target: Tensor, fake: Tensor, judged: ScaleMaps, real: ScaleMaps
    ) -> Losses:
        losses = losses_of_judges("discriminator", self.options.adversary, real, judged)
        if self.options.adversary == "wasserstein" and self.options.gradient_penalty > 0:
            mix = torch.rand(len(target), 1, 1, 1, device=target.device)
            penalty = gradient_penalty(lambda image: self.judge(source, image)[0][-1], target, fake.detach(), mix)
            losses.terms["gradient_penalty"] = self.options.gradient_penalty * penalty
        return losses
