"""OASIS: class maps to photos, judged by a segmenter (Sushko, Schönfeld et al., ICLR 2021, arXiv 2012.04781).

The discriminator names the class of every pixel of a photo, and calls pixels of a generated picture "fake". The generator wants
its pixels to be named as the class map says. That is the whole objective: no perceptual loss, no feature matching. LabelMix keeps
the discriminator's opinion of a region apart from its surroundings.

What the paper's summaries leave open is a choice of ours (docs/oasis.md): the generator is updated first, the discriminator then
has a new fake, and real, fake and mixed pictures pass it in one batch, so that all three are judged by equal weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from diptych.errors import UsageError
from diptych.losses import called_fake, class_weights, segmentation
from diptych.networks import NetworkSpec
from diptych.networks.oasis.generator import NoiseBy, OASISGenerator
from diptych.networks.oasis.segmenter import Segmenter
from diptych.pictures.kinds import Batch
from diptych.systems.system import Domains, Losses, System, SystemOptions, Translated, accuracy


@dataclass(frozen=True)
class OASISOptions(SystemOptions):
    """The [options] table of an OASIS recipe; the defaults are the paper's for ADE20K."""

    noise: int = 64  # channels of the noise beside the class map, in every SPADE layer; 0 = one picture for each map
    noise_by: NoiseBy = "picture"  # at test time one draw for the picture, for each class or for each place
    weighting: Literal["balanced", "mean", "none"] = "balanced"  # of classes: 1 / share, that / classes present, 1
    weights_over: Literal["batch", "picture"] = "batch"  # pixels whose classes are counted for their weights
    label_mix: float = 5.0  # weight (lambda) of LabelMix; 10 for COCO
    label_mix_detached: bool = False  # no gradient through the mix of logits that LabelMix compares with
    width: int = 64  # channels of the generator's last block; the first have sixteen times as many
    norm: Literal["batch", "instance"] = "batch"  # what SPADE layers normalise by, before scale and shift
    kernel: Literal[1, 3, 5] = 3  # side of the convolutions inside each SPADE layer
    hidden: int = 128  # channels inside each SPADE layer
    spectral: bool = True  # spectral normalisation of the residual blocks of both networks
    discriminator_levels: Literal[1, 2, 3, 4, 5, 6] = 6  # how often the discriminator halves its pictures
    discriminator_width: int = 128  # channels of the discriminator's first level

    def __post_init__(self) -> None:
        self.require_at_least(0, "noise", "label_mix")
        self.require_at_least(1, "width", "hidden")
        if self.discriminator_width < 2:
            raise UsageError(
                "options.discriminator_width must be at least 2; the last level has half as many channels."
            )


class OASIS(System):
    """A generator with noise in every SPADE layer, and a segmenter that judges its pictures."""

    Options = OASISOptions

    def __init__(self, options: OASISOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        domains.require_source("OASIS", "labels")
        self.options = options
        shape = options.pick("width", "noise", "noise_by", "norm", "kernel", "hidden", "spectral")
        self.spec = NetworkSpec("oasis", domains.network_arguments() | shape)
        generator = self.spec.build()
        assert isinstance(generator, OASISGenerator)
        self.generator = generator
        self.discriminator = Segmenter(
            domains.channels_out,
            domains.source.classes,
            levels=options.discriminator_levels,
            width=options.discriminator_width,
            spectral=options.spectral,
        )
        domains.require_size("OASIS", generator, self.discriminator)
        self.sides = ("generator", "discriminator")

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        options, (source, target) = self.options, batch
        maps = self.generator.semantics(source)[:, : self.generator.semantics.classes]  # not "unknown", no boundary
        weights = class_weights(maps, options.weighting, options.weights_over)
        fake = self.generator(source)
        terms = {"adversarial": segmentation(self.discriminator(fake), maps, weights)}
        yield Losses("generator", terms, pictures={"a-to-b": Translated(source, target, fake)})
        with torch.no_grad():
            shown = [target, self.generator(source).to(target.dtype)]
        if options.label_mix:
            mask = self.mask(source)
            shown.append(torch.where(mask, *shown))
        real, judged, *mixed = self.discriminator(torch.cat(shown)).float().chunk(len(shown))
        terms = {"real": segmentation(real, maps, weights), "fake": called_fake(judged)}
        if options.label_mix:
            wanted = torch.where(mask, real, judged)
            wanted = wanted.detach() if options.label_mix_detached else wanted
            terms["label_mix"] = options.label_mix * (mixed[0] - wanted).square().mean()
        yield Losses("discriminator", terms, accuracy("vanilla", real_logit(real), real_logit(judged)))

    def mask(self, source: Tensor) -> Tensor:
        """LabelMix: the regions that are taken from the real picture, drawn by class; (batch, 1, height, width) of truth values."""
        semantics = self.generator.semantics
        drawn = torch.rand(len(source), semantics.labels, device=source.device) < 0.5
        mask: Tensor = drawn.gather(1, semantics.classes_of(source)).unflatten(1, (1, *source.shape[2:]))
        return mask


def real_logit(logits: Tensor) -> Tensor:
    """How far a pixel is called one of the classes rather than "fake": the log of the ratio of the two probabilities."""
    return logits[:, :-1].logsumexp(1) - logits[:, -1]
