"""CUT and FastCUT: contrastive unpaired translation (Park, Efros, Zhang, Zhu, ECCV 2020, arXiv 2007.15651).

One generator and one discriminator, no way back. A patch of the translation must be told by its features from the other patches of
its source (PatchNCE); the generator's own encoder gives the features. The defaults are CUT. ``nce = 10``, ``nce_identity = false``
and ``flip = true`` are FastCUT.

Features of the source are those of the pass that translates it, since the weights are the same still; the authors' code encodes
it again. Only a mirrored pass has other features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from diptych.errors import UsageError
from diptych.losses import AdversaryName, patch_nce
from diptych.networks import NetworkSpec, PatchGAN, size_limits
from diptych.networks.blocks import Maps
from diptych.networks.contrastive.heads import PatchHeads
from diptych.networks.contrastive.resnet import AntialiasedResNet
from diptych.networks.spade import xavier_init
from diptych.pictures.kinds import Batch
from diptych.systems.parts.judges import judged_by, losses_of_judges, terms_of_judges
from diptych.systems.parts.labels_kept import labels_kept
from diptych.systems.system import Domains, Losses, System, SystemOptions, Translated, TranslatorSpec


@dataclass(frozen=True)
class CUTOptions(SystemOptions):
    """The [options] table of a CUT recipe; the defaults are CUT's."""

    nce: float = 1.0  # weight (lambda) of the PatchNCE terms; 10 in FastCUT
    nce_identity: bool = True  # a PatchNCE term for targets too, which are to stay as they are; the two are averaged
    flip: bool = False  # mirror what the generator sees in every other step by chance (FastCUT)
    patches: int = 256  # places of each map that are told from each other
    temperature: float = 0.07  # divides the similarities; lower punishes the most similar patches more
    head_width: int = 256  # channels of the vectors that are compared
    labels: float = 0.0  # weight of the cross-entropy of a segmenter's classes before and after translating
    segmenter: str = ""  # the file of that segmenter, which ``diptych data segmenter`` makes
    adversary: AdversaryName = "least-squares"  # adversarial loss
    blocks: int = 9  # residual blocks
    width: int = 64  # channels of the generator's first layer
    discriminator_layers: Literal[1, 2, 3, 4, 5, 6] = 3  # receptive fields 18, 40, 84, 172, 348, 700
    discriminator_width: int = 64  # channels of the discriminator's first layer

    def __post_init__(self) -> None:
        self.require_at_least(0, "nce", "labels")
        self.require_at_least(1, "blocks", "width", "discriminator_width", "head_width")
        self.require_at_least(2, "patches")
        if self.temperature <= 0:
            raise UsageError(f"options.temperature is {self.temperature}; it must be above 0.")


class CUT(System):
    """An anti-aliased ResNet with the heads of PatchNCE in one side, an anti-aliased PatchGAN in the other."""

    Options = CUTOptions

    def __init__(self, options: CUTOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("CUT")
        if domains.channels_in != domains.channels_out:
            raise UsageError(
                f"CUT shows translations to the encoder of their sources, so both need as many channels, and here they are "
                f"{domains.channels_in} and {domains.channels_out}; set data.source.colour and data.target.colour alike."
            )
        self.options = options
        self.spec = NetworkSpec("antialiased-resnet", domains.network_arguments() | options.pick("blocks", "width"))
        network = self.spec.build()
        assert isinstance(network, AntialiasedResNet)
        heads = PatchHeads(network.feature_channels, width=options.head_width)
        self.generator = nn.ModuleDict({"a_to_b": network, "heads": heads})
        self.discriminator = PatchGAN(
            domains.channels_out,
            layers=options.discriminator_layers,
            width=options.discriminator_width,
            norm="instance",
            antialiased=True,
        )
        domains.require_size("CUT", size_limits(network), self.discriminator)
        xavier_init(self)
        self.labels_kept = labels_kept("CUT", options.labels, options.segmenter, domains)
        self.facts = self.labels_kept.facts if self.labels_kept else {}
        self.sides = ("discriminator", "generator")

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        options, (source, target) = self.options, batch
        network = self.generator["a_to_b"]
        assert isinstance(network, AntialiasedResNet)
        real = torch.cat(batch) if options.nce_identity else source
        mirrored = torch.rand((), device=real.device) < 0.5 if options.flip else None
        shown = real if mirrored is None else torch.where(mirrored, real.flip(3), real)
        made, keys = network.with_features(shown)
        fake = made[: len(source)]
        judged = judged_by(self.discriminator, target), judged_by(self.discriminator, fake)
        yield losses_of_judges("discriminator", options.adversary, *judged)
        terms = terms_of_judges(options.adversary, judged_by(self.discriminator, fake))
        queries = network.features(made)
        if mirrored is not None:
            # After the queries: autocast keeps the cast weights of a first pass, and these have no gradient.
            with torch.no_grad():
                keys = network.features(real)
        names = ("nce", "nce_identity")[: 1 + options.nce_identity]
        for name, query, key in zip(names, halves(queries, len(source)), halves(keys, len(source)), strict=False):
            terms[name] = options.nce / len(names) * self.told_apart(query, key, mirrored)
        if self.labels_kept is not None:
            terms["labels"] = self.labels_kept(shown[: len(source)], fake)
        yield Losses("generator", terms, pictures={"a-to-b": Translated(shown[: len(source)], target, fake)})

    def told_apart(self, query: Sequence[Maps], key: Sequence[Maps], mirrored: Tensor | None) -> Tensor:
        """PatchNCE, averaged over the maps, at places drawn for each map and shared by the pictures."""
        heads, places, there = self.generator["heads"], [], []
        for maps in query:
            height, width = maps.shape[2:]
            drawn = torch.randperm(height * width, device=maps.device)[: self.options.patches]
            places.append(drawn)
            across = drawn + (width - 1) - 2 * (drawn % width)  # the same place of the mirrored map
            there.append(drawn if mirrored is None else torch.where(mirrored, across, drawn))
        vectors = heads(query, there)
        with torch.no_grad():
            others = heads(key, places)
        pairs = zip(vectors, others, strict=True)
        return torch.stack([patch_nce(one, other, self.options.temperature) for one, other in pairs]).mean()

    def translators(self) -> dict[str, TranslatorSpec]:
        return {"a-to-b": TranslatorSpec("generator.a_to_b", self.spec)}


def halves(maps: Sequence[Maps], count: int) -> list[list[Maps]]:
    """The maps of sources, and those of targets behind them."""
    return [[one[:count] for one in maps], [one[count:] for one in maps]]
