"""SRGAN: photo-realistic single image super-resolution (Ledig et al., CVPR 2017, arXiv 1609.04802).

This follows the paper; the authors published no training code. SRResNet minimises the squared error alone (``adversarial = 0``, or
the first ``pretrain_steps``). After that come a content loss and a discriminator, which is updated first in each step. The dense
layer of the paper has 1024 units at width 64. EfficientNet-Lite0 can replace VGG19 in the content loss.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional

from diptych.losses import ADVERSARIES, total_variation
from diptych.networks import NetworkSpec
from diptych.networks.features.perceptual import PerceptualNetwork, content_loss, loss_note
from diptych.networks.srresnet import SRDiscriminator
from diptych.pictures.kinds import Batch
from diptych.systems.system import Domains, Losses, System, SystemOptions, Translated, accuracy


@dataclass(frozen=True)
class SRGANOptions(SystemOptions):
    """The [options] table of an SRGAN recipe; the defaults are those of SRGAN-VGG54."""

    content: Literal["mse", "vgg22", "vgg54", "lite0-fine", "lite0-deep"] = "vgg54"  # content loss
    content_weight: float = 0.0  # weight of the content loss; 0 = the paper's: 1 for mse, (1/12.75)^2 for features
    mse: float = 0.0  # weight of the squared error beside another content
    adversarial: float = 1e-3  # weight of the adversarial term; 0 = SRResNet: no discriminator
    total_variation: float = 0.0  # weight of the total variation of outputs; 2e-8 in the paper's SRResNet-VGG22
    pretrain_steps: int = 0  # first steps, by squared error alone
    blocks: int = 16  # residual blocks of the generator
    width: int = 64  # channels of the generator
    bias: Literal["auto", "all"] = "all"  # biases of convolutions; auto: none before batch norm
    slopes: Literal["one", "each"] = "one"  # slopes of PReLU: one for a layer, or one for each channel
    discriminator_width: int = 64  # channels of the discriminator's first layer
    discriminator_pooled: bool = False  # the discriminator averages its maps, and so judges crops of any size

    def __post_init__(self) -> None:
        self.require_at_least(0, "content_weight", "mse", "adversarial", "total_variation", "pretrain_steps")
        self.require_at_least(1, "blocks", "width", "discriminator_width")


class SRGAN(System):
    """A generator that enlarges pictures and a discriminator of whole crops; SRResNet is the generator alone."""

    Options = SRGANOptions

    def __init__(self, options: SRGANOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("SRGAN", enlarging=True)
        self.options = options
        shape = {"factor": domains.factor} | options.pick("blocks", "width", "bias", "slopes")
        self.spec = NetworkSpec("srresnet", domains.network_arguments() | shape)
        self.generator = self.spec.build()
        self.discriminator: SRDiscriminator | None = None
        self.sides = ("generator",)
        self.phase_steps = (options.pretrain_steps,)
        if options.adversarial:
            self.discriminator = SRDiscriminator(
                domains.channels_out,
                size=domains.size,
                width=options.discriminator_width,
                bias=options.bias,
                pooled=options.discriminator_pooled,
            )
            self.sides = ("discriminator", "generator")
        self.perceptual_network: PerceptualNetwork | None = None
        if options.content != "mse":
            name = "vgg19" if options.content.startswith("vgg") else "efficientnet-lite0"
            self.perceptual_network = PerceptualNetwork(name)
            domains.require_size("SRGAN", self.perceptual_network)
            domains.require_rgb_or_grey("SRGAN", "options.content=mse")
            self.notes = (loss_note(name),)
            self.facts = {"content loss": f"{options.content} of {name}"}

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        source, target = batch
        fake = self.generator(source)
        pictures = {"a-to-b": Translated(source, target, fake)}
        squared = functional.mse_loss(fake.float(), target.float())
        if step < self.options.pretrain_steps:
            yield Losses("generator", {"mse": squared}, pictures=pictures)
            return
        if self.discriminator is not None:
            real, judged = self.discriminator(target), self.discriminator(fake.detach())
            terms = {"adversarial": ADVERSARIES["vanilla"].discriminator(real, judged)}
            yield Losses("discriminator", terms, accuracy("vanilla", real, judged))
        yield Losses("generator", self.generator_terms(fake, target, squared), pictures=pictures)

    def generator_terms(self, fake: Tensor, target: Tensor, squared: Tensor) -> dict[str, Tensor]:
        options = self.options
        if self.perceptual_network is None:
            terms = {"content": (options.content_weight or 1.0) * squared}
        else:
            loss = content_loss(self.perceptual_network, options.content, fake, target)
            terms = {"content": (options.content_weight or 12.75**-2) * loss}
        if options.mse:
            terms["mse"] = options.mse * squared
        if options.total_variation:
            terms["total_variation"] = options.total_variation * total_variation(fake)
        if self.discriminator is not None:
            terms["adversarial"] = options.adversarial * ADVERSARIES["vanilla"].generator(self.discriminator(fake))
        return terms
