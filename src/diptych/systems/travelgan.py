"""TraVelGAN: unpaired translation by transformation vectors (Amodio and Krishnaswamy, CVPR 2019, arXiv 1902.09631).

There is no cycle: a siamese network embeds pictures in a latent space, and the generator must keep the vectors between them.
The defaults are the authors' code: cross-entropy, one joint update for both generators and the siamese network, the margin on
the squared length, every ordered pair of the batch. ``margin_on = "length"`` is the paper's formula, ``adversary = "hinge"``
that of a later port. In the authors' code the two updates of a step take different pictures: ``fresh`` gives the first half of a
batch to the discriminators and the second to the generators. By default both take the whole batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from diptych.errors import UsageError
from diptych.losses import ADVERSARIES, AdversaryName, travel_losses
from diptych.networks import size_limits
from diptych.networks.travelgan import Siamese, WholeDiscriminator, halvings
from diptych.pictures.kinds import Batch
from diptych.systems.system import Domains, Losses, SystemOptions, TwoWaySystem, accuracy


@dataclass(frozen=True)
class TraVelGANOptions(SystemOptions):
    """The [options] table of a TraVelGAN recipe; the defaults are the authors' code's."""

    travel: float = 10.0  # weight of the three siamese terms
    margin: float = 10.0  # distance that real pictures must keep from each other in the siamese space
    margin_on: Literal["squared", "length"] = "squared"  # whether the margin is of the squared length or the length
    apart: float = 1.0  # weight of the margin, relative to ``travel``
    angle: float = 1.0  # weight of the cosine term, relative to ``travel``
    length: float = 1.0  # weight of the squared difference, relative to ``travel``
    adversary: AdversaryName = "vanilla"  # adversarial loss
    spectral: bool = False  # spectral normalisation in the discriminators (a later port)
    width: int = 64  # channels of every network's first layer
    latent: int = 1000  # dimensions of the siamese space
    fresh: bool = False  # the two updates of a step see different halves of the batch

    def __post_init__(self) -> None:
        self.require_at_least(0, "travel", "margin", "apart", "angle", "length")
        self.require_at_least(1, "width", "latent")


class TraVelGAN(TwoWaySystem):
    """Two generators and the siamese network in one side, two discriminators in the other."""

    Options = TraVelGANOptions

    def __init__(self, options: TraVelGANOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("TraVelGAN")
        channels_in, channels_out, size = domains.channels_in, domains.channels_out, domains.size
        if min(size) < 16:
            raise UsageError(f"TraVelGAN needs data.crop_size of 16 or more, not {size[0]}x{size[1]}.")
        self.options = options
        self.adversary = ADVERSARIES[options.adversary]
        shape = {"depth": halvings(min(size), 8), "width": options.width}
        self.specs = self.two_way_specs("travel-unet", domains, shape)
        siamese = Siamese(channels_in, channels_out, size=size, width=options.width, latent=options.latent)
        generators = {direction: spec.build() for direction, spec in self.specs.items()}
        domains.require_size("TraVelGAN", *map(size_limits, generators.values()))
        self.generator = nn.ModuleDict(generators | {"siamese": siamese})
        self.discriminator = nn.ModuleDict(
            {
                name: WholeDiscriminator(channels, size=size, width=options.width, spectral=options.spectral)
                for name, channels in (("a", channels_in), ("b", channels_out))
            }
        )
        self.sides = ("discriminator", "generator")
        self.min_batch_size = 4 if options.fresh else 2

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        judged, translated = self.halves(batch)
        fake_b, fake_a = self.translated(judged)
        right = {}
        terms = {}
        for name, real, fake in (("a", judged.source, fake_a), ("b", judged.target, fake_b)):
            logits_real, logits_fake = self.discriminator[name](real), self.discriminator[name](fake)
            terms[name] = 0.25 * self.adversary.discriminator(logits_real, logits_fake)
            right[f"accuracy_{name}"] = accuracy(self.options.adversary, logits_real, logits_fake)["accuracy"]
        yield Losses("discriminator", terms, right)
        if self.options.fresh:
            fake_b, fake_a = self.translated(translated)
        terms = self.generator_terms(translated, fake_b, fake_a)
        yield Losses("generator", terms, pictures=self.both_ways(translated, fake_b, fake_a))

    def halves(self, batch: Batch) -> tuple[Batch, Batch]:
        """The batches of the discriminators' update and of the generators'."""
        count = len(batch.source)
        assert count >= self.min_batch_size
        if not self.options.fresh:
            return batch, batch
        middle = count // 2
        return Batch(*(side[:middle] for side in batch)), Batch(*(side[middle:] for side in batch))

    def translated(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return self.generator["a_to_b"](batch.source), self.generator["b_to_a"](batch.target)

    def generator_terms(self, batch: Batch, fake_b: Tensor, fake_a: Tensor) -> dict[str, Tensor]:
        options, siamese = self.options, self.generator["siamese"]
        both = [
            travel_losses(siamese(real, home), siamese(fake, away), options.margin, options.margin_on == "squared")
            for real, fake, home, away in ((batch.source, fake_b, "a", "b"), (batch.target, fake_a, "b", "a"))
        ]
        margin, length, angle = (0.5 * (one + other) for one, other in zip(*both, strict=True))
        return {
            "adversarial_a_to_b": self.adversary.generator(self.discriminator["b"](fake_b)),
            "adversarial_b_to_a": self.adversary.generator(self.discriminator["a"](fake_a)),
            "margin": options.travel * options.apart * margin,
            "length": options.travel * options.length * length,
            "angle": options.travel * options.angle * angle,
        }
