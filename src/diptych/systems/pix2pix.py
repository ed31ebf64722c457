"""pix2pix: image-to-image translation with conditional adversarial networks (Isola et al., CVPR 2017, arXiv 1611.07004).

Built is the paper's version with the order of updates of the authors' PyTorch code: the discriminator first, on the fake
of this step, then the generator against the updated discriminator ("simultaneous": against the one that judged the fake).
Options reach what else is published: the five objectives of Table 1, the generators of Table 2, the receptive fields of
Table 3, and the adversaries that came later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from diptych.errors import UsageError
from diptych.images import Batch
from diptych.losses import ADVERSARIES, apart, feature_matching, gradient_penalty, l1
from diptych.networks import NetworkSpec, PatchGAN, initialise
from diptych.systems.generators import generator_spec
from diptych.systems.system import Domains, Exit, Losses, System, accuracy


@dataclass(frozen=True)
class Pix2PixOptions:
    """The [options] table of a pix2pix recipe; the defaults are the paper's."""

    objective: Literal["l1", "gan", "cgan", "l1+gan", "l1+cgan"] = "l1+cgan"
    l1: float = 100.0  # weight of the L1 term
    feature_matching: float = 0.0  # weight of the distance of the discriminator's maps (pix2pixHD, equation 4)
    order: Literal["alternating", "simultaneous"] = (
        "alternating"  # whether the generator meets the updated discriminator
    )
    adversary: Literal["vanilla", "least-squares", "hinge", "wasserstein"] = "vanilla"
    gradient_penalty: float = 10.0  # weight of the penalty; used by the Wasserstein adversary only
    generator: Literal["unet", "encoder-decoder", "resnet"] = "unet"
    depth: int = 0  # levels of the U-Net or encoder-decoder; 0 = as many as the crop size allows, at most 8
    blocks: int = 9  # residual blocks of the ResNet generator
    width: int = 64  # channels of the first layer
    norm: Literal["batch", "instance", "none"] = "batch"
    statistics: Literal["picture", "running"] = "picture"  # of batch norm at test time; "picture" is the paper's
    dropout: tuple[int, ...] = (1, 2, 3)  # decoder levels with dropout; the PyTorch code has (2, 3, 4)
    dropout_at_test: bool = True  # the paper's only source of noise
    upsample: Literal["transposed", "resize", "shuffle"] = "transposed"
    bottleneck_norm: bool = False  # the paper's experiments had it, its released code does not
    bias: Literal["auto", "all"] = "auto"
    discriminator_layers: int = 3  # 0 to 6: receptive fields 1, 16, 34, 70, 142, 286, 574
    discriminator_width: int = 64
    discriminator_norm: Literal["batch", "instance", "none"] = "batch"

    def __post_init__(self) -> None:
        if not 0 <= self.discriminator_layers <= 6:
            raise UsageError(f"options.discriminator_layers is {self.discriminator_layers}; choose 0 (PixelGAN) to 6.")
        if self.width < 1 or self.discriminator_width < 1 or self.blocks < 1:
            raise UsageError("options.width, options.discriminator_width and options.blocks must be at least 1.")
        if min(self.l1, self.feature_matching, self.gradient_penalty) < 0:
            raise UsageError("options.l1, feature_matching and gradient_penalty may not be negative.")


class Pix2Pix(System):
    """A generator, and unless the objective is L1 alone a PatchGAN discriminator; the depth of the U-Net follows from the
    size of the crops."""

    Options = Pix2PixOptions

    def __init__(self, options: Pix2PixOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.only("pix2pix")
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
        self.sides = ("generator",) if self.discriminator is None else ("discriminator", "generator")

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
                terms = apart(self.convincing(judged, real), shown, fake)
            yield self.discriminator_losses(source, target, shown, judged[-1], real[-1])
            if not at_once:
                terms = self.convincing(self.judge(source, fake), real)
        if "l1" in self.options.objective:
            terms["l1"] = self.options.l1 * l1(fake, target)
        yield Losses("generator", terms)

    def convincing(self, judged: list[Tensor], real: list[Tensor]) -> dict[str, Tensor]:
        """The generator's terms that the discriminator gives."""
        terms = {"adversarial": self.adversary.generator(judged[-1])}
        if self.options.feature_matching:
            terms["features"] = self.options.feature_matching * feature_matching([judged[:-1]], [real[:-1]])
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

    def translators(self) -> dict[str, Exit]:
        return {"a-to-b": Exit("generator", self.spec)}
