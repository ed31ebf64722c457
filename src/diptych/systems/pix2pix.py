"""pix2pix: image-to-image translation with conditional adversarial networks (Isola et al., CVPR 2017, arXiv 1611.07004).

Built is the paper's version with the order of updates of the authors' PyTorch code: the discriminator first, on the fake
of this step, then the generator against the updated discriminator ("simultaneous": against the one that judged the fake).
Options reach what else is published: the five objectives of Table 1, the generators of Table 2, the receptive fields of
Table 3, and the adversaries that came later.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from diptych.losses import ADVERSARIES, feature_matching, gradient_penalty, l1
from diptych.networks import NetworkSpec, PatchGAN, initialise, size_limits
from diptych.pictures.kinds import Batch
from diptych.systems.detached_loss import detached_loss
from diptych.systems.pix2pix_options import Pix2PixOptions, generator_spec
from diptych.systems.system import Domains, Losses, System, TranslatorSpec, accuracy


class Pix2Pix(System):
    """A generator, and unless the objective is L1 alone a PatchGAN discriminator; the depth of the U-Net follows from the
    size of the crops."""

    Options = Pix2PixOptions

    def __init__(self, options: Pix2PixOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("pix2pix")
        channels_in, channels_out, size = domains.channels_in, domains.channels_out, domains.size
        self.options = options
        self.conditional = "cgan" in options.objective
        self.adversary = ADVERSARIES[options.adversary]
        self.spec = generator_spec(options, channels_in, channels_out, size)
        self.generator = initialise(self.spec.build())
        self.discriminator: nn.Module | None = None
        if options.objective != "l1":
            judged = channels_in + channels_out if self.conditional else channels_out
            arguments = {
                "channels_in": judged,
                "layers": options.discriminator_layers,
                "width": options.discriminator_width,
                "norm": options.discriminator_norm,
                "bias": options.bias,
            }
            self.discriminator = initialise(NetworkSpec("patchgan", arguments).build())
        judges = [] if self.discriminator is None else [size_limits(self.discriminator)]
        domains.require_size("pix2pix", size_limits(self.generator), *judges)
        self.sides = ("generator",) if self.discriminator is None else ("discriminator", "generator")
        if self.discriminator is None and (options.feature_matching or options.order != "alternating"):
            self.notes = (
                "With options.objective = l1 there is no discriminator: feature_matching and order do nothing.",
            )

    def judge(self, source: Tensor, image: Tensor) -> list[Tensor]:
        """What the discriminator makes of ``image``, seen beside its source when the objective is conditional: its maps where
        features are matched, and the logits last."""
        seen = torch.cat([source, image], dim=1) if self.conditional else image
        if self.options.feature_matching:
            assert isinstance(self.discriminator, PatchGAN)
            return self.discriminator.maps(seen)
        assert self.discriminator is not None
        return [self.discriminator(seen)]

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        source, target = batch
        fake = self.generator(source)
        terms: dict[str, Tensor] = {}
        if self.discriminator is not None:
            at_once = self.options.order == "simultaneous"
            shown = fake.detach().requires_grad_(at_once)
            # Real and fake go through in separate batches, fake first (paper, section 3.3).
            judged, real = self.judge(source, shown), self.judge(source, target)
            if at_once:  # against the discriminator as it is, whose answer serves both
                terms = detached_loss(self.adversarial_terms(judged, real), shown, fake)
            yield self.discriminator_losses(source, target, shown, judged[-1], real[-1])
            if not at_once:
                terms = self.adversarial_terms(self.judge(source, fake), real)
        if "l1" in self.options.objective:
            terms["l1"] = self.options.l1 * l1(fake, target)
        yield Losses("generator", terms)

    def adversarial_terms(self, judged: list[Tensor], real: list[Tensor]) -> dict[str, Tensor]:
        """The generator's terms that the discriminator gives. In alternating order ``real`` is what it said before its update: close
        enough to be matched, and a pass saved."""
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

    def translators(self) -> dict[str, TranslatorSpec]:
        return {"a-to-b": TranslatorSpec("generator", self.spec)}
