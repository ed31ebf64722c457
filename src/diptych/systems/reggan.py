"""RegGAN: translation of pairs that do not quite fit (Kong et al., NeurIPS 2021, arXiv 2110.06465).

A registration network follows the generator. It finds the field of displacements from the translation to the target, and L1
compares what is left. The field must be smooth, so it answers for shifts and cannot answer for contents. Translating takes the
generator alone.

The default is the paper's NC+R, without cycles. ``registration = false`` is NC, the same without the registration network: an
adversarial loss alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from diptych.losses import ADVERSARIES, AdversaryName, l1
from diptych.networks import NetworkSpec, PatchGAN, size_limits
from diptych.networks.registration.registration_unet import RegistrationUNet, levels_for
from diptych.networks.registration.warp import drawn, roughness, warp
from diptych.pictures.kinds import Batch
from diptych.systems.parts.image_pool import ImagePool
from diptych.systems.system import Domains, Losses, System, SystemOptions, Translated, TranslatorSpec, accuracy


@dataclass(frozen=True)
class RegGANOptions(SystemOptions):
    """The [options] table of a RegGAN recipe; the defaults are the paper's."""

    registration: bool = True  # a registration network before L1 (NC+R); false leaves the adversarial loss alone (NC)
    correction: float = 20.0  # weight of L1 between the moved translation and the target
    smoothness: float = 10.0  # weight of the field's squared differences; low lets it hide errors of the generator
    adversary: AdversaryName = "least-squares"  # adversarial loss, of a logit for the whole picture
    blocks: int = 9  # residual blocks of the generator
    width: int = 64  # channels of the generator's first layer
    separable: bool = False  # depthwise and 1x1 convolutions in the generator's blocks; `diptych shrink` chooses it
    registration_width: int = 32  # channels of the registration network's first level
    discriminator_layers: Literal[1, 2, 3, 4, 5, 6] = 3  # receptive fields 16, 34, 70, 142, 286, 574
    discriminator_width: int = 64  # channels of the discriminator's first layer
    pool: int = 50  # past fakes from which the discriminator is also shown some; only without registration

    def __post_init__(self) -> None:
        self.require_at_least(0, "correction", "smoothness", "pool")
        self.require_at_least(1, "blocks", "width", "registration_width", "discriminator_width")


class RegGAN(System):
    """A ResNet and its registration network in one side, a discriminator of whole pictures in the other."""

    Options = RegGANOptions
    takes_gaps = True

    def __init__(self, options: RegGANOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("RegGAN")
        self.options, self.needs_pairs = options, options.registration
        self.spec = NetworkSpec("resnet", domains.network_arguments() | options.pick("blocks", "width", "separable"))
        network = self.spec.build()
        self.generator = nn.ModuleDict({"a_to_b": network})
        self.discriminator = PatchGAN(
            domains.channels_out,
            layers=options.discriminator_layers,
            width=options.discriminator_width,
            norm="instance",
        )
        domains.require_size("RegGAN", size_limits(network), self.discriminator)
        if options.registration:
            registration = RegistrationUNet(
                domains.channels_out, levels=levels_for(domains.size), width=options.registration_width
            )
            domains.require_size("RegGAN", registration)
            self.generator["registration"] = registration
        self.pool: ImagePool | None = None
        if options.pool and not options.registration:
            self.pool = ImagePool(options.pool, domains.channels_out, *domains.size)
        self.sides = ("generator", "discriminator")

    def judge(self, pictures: Tensor) -> Tensor:
        """A logit a picture, (batch,): the mean of the PatchGAN's map."""
        logits: Tensor = self.discriminator(pictures).float().mean(dim=(1, 2, 3))
        return logits

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        options, (source, target), network = self.options, batch, self.generator["a_to_b"]
        fake = batch.fill(network(source))
        terms, figures = {"adversarial": ADVERSARIES[options.adversary].generator(self.judge(fake))}, {}
        if options.registration:
            field = self.generator["registration"](fake, target)
            moved, weights = warp(fake, field), batch.weights
            if weights is not None:  # nothing is read from where there is no data
                weights = weights * (warp(weights, field.detach()) > 0.999)
            left = l1(moved, target, weights)
            terms["correction"] = options.correction * left
            terms["smoothness"] = options.smoothness * roughness(field)
            # What the field moves away, in pixels, and L1 without it and with it.
            figures["field"] = field.detach().float().square().sum(1).sqrt().mean()
            figures |= {"l1_unmoved": l1(fake.detach(), target, batch.weights), "l1_moved": left.detach()}
        yield Losses("generator", terms, figures, pictures={"a-to-b": Translated(source, target, fake)})
        with torch.no_grad():  # with registration by the updated generator
            shown = batch.fill(network(source)) if options.registration else self.pool(fake) if self.pool else fake
        real, judged = self.judge(target), self.judge(shown)
        loss = ADVERSARIES[options.adversary].discriminator(real, judged)
        yield Losses("discriminator", {"adversarial": loss}, accuracy(options.adversary, real, judged))

    def shown(self, batch: Batch, fake: Tensor) -> list[Tensor]:
        """The translation moved onto the target, and the field itself: what it hides is to be seen."""
        if not self.options.registration:
            return []
        field = self.generator["registration"](fake, batch.target)
        return [batch.fill(warp(fake, field)), drawn(field)]

    def translators(self) -> dict[str, TranslatorSpec]:
        return {"a-to-b": TranslatorSpec("generator.a_to_b", self.spec)}
