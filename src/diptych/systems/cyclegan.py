"""CycleGAN: unpaired translation with cycle-consistent adversarial networks (Zhu et al., ICCV 2017, arXiv 1703.10593).

The default is the paper's version in the "joint" order of the authors' PyTorch code: one update for both generators, then one for
both discriminators, whose fakes come from a pool of 50. ``order = "four-step"`` is their Torch code: generator a->b, discriminator
of b, generator b->a (with the updated a->b), discriminator of a. The identity term is off by default, as in the paper;
both public codes use it for every task.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor, nn

from diptych.losses import AdversaryName, l1
from diptych.networks import NETWORKS, NetworkSpec, accepted, size_limits
from diptych.networks.projected import Heads
from diptych.pictures.kinds import Batch
from diptych.registry import Names
from diptych.systems.parts.image_pool import ImagePool
from diptych.systems.parts.judges import (
    DiscriminatorName,
    Projected,
    build_judges,
    judged_by,
    losses_of_judges,
    network_facts,
    terms_of_judges,
)
from diptych.systems.parts.labels_kept import labels_kept
from diptych.systems.system import Domains, Losses, SystemOptions, Translated, TwoWaySystem
from diptych.tables import to_table


@dataclass(frozen=True)
class CycleGANOptions(SystemOptions):
    """The [options] table of a CycleGAN recipe; the defaults are the paper's."""

    cycle: float = 10.0  # weight (lambda) of the cycle term in each direction
    identity: float = 0.0  # weight of the identity term, relative to ``cycle``; 0.5 for paintings and flowers
    labels: float = 0.0  # weight of the cross-entropy of a segmenter's classes before and after translating a to b
    segmenter: str = ""  # the file of that segmenter, which ``diptych data segmenter`` makes
    pool: int = 50  # fakes kept for each discriminator; 0 = none
    adversary: AdversaryName = "least-squares"  # adversarial loss
    order: Literal["joint", "four-step"] = "joint"  # order of updates: the PyTorch code's, or the Torch code's
    generator: Annotated[str, Names(NETWORKS, "resnet")] = "resnet"  # network of both generators
    blocks: int = 0  # residual blocks; 0 = 6 for crops under 256, 9 from there on, as published
    width: int = 64  # channels of the generators' first layer
    norm: Literal["batch", "instance", "none"] = "instance"  # normalisation layers of all four networks
    affine: bool = False  # instance norm with weight and bias, as in the Torch code
    dropout: bool = False  # dropout inside the residual blocks; it stays on when translating
    upsample: Literal["transposed", "resize", "shuffle"] = "transposed"  # how the generators enlarge their maps
    separable: bool = False  # depthwise and 1x1 convolutions in the generators' blocks; `diptych shrink` chooses it
    discriminator: DiscriminatorName = "patchgan"  # network of both discriminators
    discriminator_layers: Literal[0, 1, 2, 3, 4, 5, 6] = 3  # receptive fields 1, 16, 34, 70, 142, 286, 574
    discriminator_width: int = 64  # channels of the discriminators' first layer
    projected: Projected = "none"  # discriminators of pretrained maps, beside the PatchGANs or alone
    projected_heads: Heads = "patch"  # convolutions of these discriminators' heads

    def __post_init__(self) -> None:
        self.require_at_least(0, "cycle", "identity", "labels", "pool", "blocks")
        self.require_at_least(1, "width", "discriminator_width")


class CycleGAN(TwoWaySystem):
    """Two generators and two discriminators; domain a is the source, b the target."""

    Options = CycleGANOptions
    takes_gaps = True

    def __init__(self, options: CycleGANOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("CycleGAN")
        channels_in, channels_out, size = domains.channels_in, domains.channels_out, domains.size
        self.options = options
        self.identity = options.identity if channels_in == channels_out else 0.0
        if self.identity != options.identity:
            self.notes = (
                f"The identity term is off: it needs equal channels, and here they are {channels_in} and {channels_out}.",
            )
        blocks = options.blocks or (6 if min(size) < 256 else 9)
        self.specs = self.two_way_specs(options.generator, domains, to_table(options) | {"blocks": blocks})
        self.generator = nn.ModuleDict({direction: spec.fresh() for direction, spec in self.specs.items()})
        channels = {"a": channels_in, "b": channels_out}
        self.discriminator = nn.ModuleDict({name: self.build_discriminator(count) for name, count in channels.items()})
        self.facts = network_facts(options.projected)
        if self.facts:
            domains.require_rgb_or_grey("CycleGAN", "options.projected=none", both=True)
        domains.require_size("CycleGAN", *map(size_limits, (*self.generator.values(), *self.discriminator.values())))
        self.pool = nn.ModuleDict({name: ImagePool(options.pool, count, *size) for name, count in channels.items()})
        self.labels_kept = labels_kept("CycleGAN", options.labels, options.segmenter, domains)
        if self.labels_kept is not None:
            self.facts = {**self.facts, **self.labels_kept.facts}
        self.sides = ("generator", "discriminator")
        if options.order == "four-step":
            self.sides = ("generator.a_to_b", "discriminator.b", "generator.b_to_a", "discriminator.a")

    def build_discriminator(self, channels: int) -> nn.Module:
        options, name = self.options, self.options.discriminator
        arguments = {"channels_in": channels, "norm": options.norm}
        arguments |= {name: getattr(options, f"discriminator_{name}") for name in ("layers", "width")}
        return build_judges(options.projected, options.projected_heads, NetworkSpec(name, accepted(name, arguments)))

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        batch = batch.with_source_filled()  # each discriminator is shown both domains, with gaps alike
        terms, pictures = self.generator_terms(batch)
        fakes = {"b": pictures["a-to-b"].fake, "a": pictures["b-to-a"].fake}
        if self.options.order == "joint":
            yield Losses("generator", terms, pictures=pictures)
            a, b = (self.discriminator_losses(name, real, fakes[name]) for name, real in zip("ab", batch, strict=True))
            yield Losses("discriminator", a.terms | b.terms, {**a.figures, **b.figures})
            return
        yield Losses("generator.a_to_b", terms, pictures={"a-to-b": pictures["a-to-b"]})
        yield self.discriminator_losses("b", batch.target, fakes["b"])
        terms, pictures = self.generator_terms(batch)
        yield Losses("generator.b_to_a", terms, pictures={"b-to-a": pictures["b-to-a"]})
        yield self.discriminator_losses("a", batch.source, pictures["b-to-a"].fake)

    def generator_terms(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Translated]]:
        """Every term of the generators' objective, and the pictures. Each side's update takes the gradient of its own weights."""
        (a, b), fill, weights, options = batch, batch.fill, batch.weights, self.options
        a_to_b, b_to_a = self.generator["a_to_b"], self.generator["b_to_a"]
        fake_b, fake_a = fill(a_to_b(a)), fill(b_to_a(b))
        terms = {
            **self.adversarial_terms("b", fake_b, "a_to_b"),
            **self.adversarial_terms("a", fake_a, "b_to_a"),
            "cycle_a": options.cycle * l1(fill(b_to_a(fake_b)), a, weights),
            "cycle_b": options.cycle * l1(fill(a_to_b(fake_a)), b, weights),
        }
        if self.identity > 0:
            weight = options.cycle * self.identity
            same_a, same_b = fill(b_to_a(a)), fill(a_to_b(b))
            terms |= {"identity_a": weight * l1(same_a, a, weights), "identity_b": weight * l1(same_b, b, weights)}
        if self.labels_kept is not None:
            terms["labels"] = self.labels_kept(a, fake_b)
        return terms, self.both_ways(batch, fake_b, fake_a)

    def adversarial_terms(self, name: str, fake: Tensor, way: str) -> dict[str, Tensor]:
        judged = judged_by(self.discriminator[name], fake)
        return terms_of_judges(self.options.adversary, judged, f"adversarial_{way}")

    def discriminator_losses(self, name: str, real: Tensor, fake: Tensor) -> Losses:
        """The halved loss of one domain's discriminator on real pictures and fakes from the pool, and its accuracy."""
        discriminator = self.discriminator[name]
        judged_real, judged_fake = judged_by(discriminator, real), judged_by(discriminator, self.pool[name](fake))
        words = (name, f"accuracy_{name}")
        return losses_of_judges(f"discriminator.{name}", self.options.adversary, judged_real, judged_fake, words)
