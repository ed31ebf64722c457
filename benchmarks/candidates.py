"""Ways to learn faster that were tried for the fast recipes: a system for `learning_curves.py --try`, with options of its own.

    --try "r1: pix2pix-small-facades system=pix2pix-candidates options.r1=1"

It is pix2pix and whatever of these is asked for; what helped moved into the library, and the rest stays here, so that its row in
docs/experiments.md can be printed again.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.errors import UsageError
from diptych.losses import ADVERSARIES, feature_matching, l1
from diptych.networks import PatchGAN, initialise
from diptych.networks.blocks import downsample
from diptych.networks.spectral import SpectralConv2d
from diptych.pictures.kinds import Batch
from diptych.systems import SYSTEMS, Domains, Losses, Pix2Pix
from diptych.systems.parts.multi_scale import (
    ScaleMaps,
    adversarial_loss,
    discriminator_loss,
    feature_maps,
    logits,
    mean_accuracy,
    split,
)
from diptych.systems.pix2pix_options import Pix2PixOptions

NAME = "pix2pix-candidates"
SHIFT = 8  # the share of a side by which what is judged may be moved


@dataclass(frozen=True)
class CandidateOptions(Pix2PixOptions):
    """pix2pix's, and what is tried; the defaults are pix2pix."""

    one_pass: bool = False  # the discriminator sees real and fake as one batch, which a batch norm mixes
    scales: int = 1  # of the discriminator (Wang et al. 2018)
    spectral: bool = False  # normalisation of the discriminator in the place of its norm (Miyato et al. 2018)
    r1: float = 0.0  # weight of the gradient's square on real pictures, of the mean logit (Mescheder et al. 2018)
    augment: bool = False  # what the discriminator sees: moved, brighter or darker (Zhao et al. 2020)
    warm_up: int = 0  # steps by L1 alone
    half_size: int = 0  # steps at half the side, at first
    lighter: Literal["", "depthwise", "attention"] = ""  # the generator
    first_weights: Literal["", "kaiming", "orthogonal"] = ""  # instead of N(0, 0.02^2), of both networks

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective != "l1+cgan" or self.adversary == "wasserstein" or self.order != "alternating":
            raise UsageError("candidates are tried with l1+cgan, in alternating order, and without a gradient penalty.")


class Attention(nn.Module):
    """Each place looks at all (Zhang et al. 2019, SAGAN), added with a weight that begins at 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.asked, self.kept = (nn.Conv2d(channels, channels // 8, 1) for _ in range(2))
        self.told = nn.Conv2d(channels, channels, 1)
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Tensor) -> Tensor:
        rows = [layer(maps).flatten(2).mT for layer in (self.asked, self.kept, self.told)]
        seen = functional.scaled_dot_product_attention(*rows)
        return maps + self.weight * seen.mT.reshape(maps.shape)


def lightened(generator: nn.Module, how: str) -> nn.Module:
    """Inner convolutions of an encoder by channel and then by place (MobileNet), or attention at the fourth level (8x8 places of 128x128)."""
    for number, level in enumerate(generator.get_submodule("down").children()):
        assert isinstance(level, nn.Sequential)
        for place, layer in enumerate(level):
            if how == "depthwise" and isinstance(layer, nn.Conv2d) and layer.in_channels > 3:
                into, out = layer.in_channels, layer.out_channels
                each = nn.Conv2d(into, into, 4, 2, 1, groups=into, bias=False)
                level[place] = nn.Sequential(each, nn.Conv2d(into, out, 1, bias=layer.bias is not None))
        if how == "attention" and number == 3:
            level.append(Attention(next(m.out_channels for m in level if isinstance(m, nn.Conv2d))))
    return generator


def draw_weights(network: nn.Module, how: str) -> None:
    """Of the convolutions: by their inputs' number (He et al. 2015), or orthogonal with a gain of 0.02 (Saxe et al. 2014)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            if how == "kaiming":
                nn.init.kaiming_normal_(layer.weight, 0.2)
            else:
                nn.init.orthogonal_(layer.weight, 0.02)


def normalise_spectrally(network: PatchGAN) -> None:
    for place, layer in enumerate(network.layers):
        if isinstance(layer, nn.Conv2d):
            sizes = (layer.in_channels, layer.out_channels, layer.kernel_size[0], layer.stride[0])
            network.layers[place] = SpectralConv2d(*sizes, int(layer.padding[0]))


def disturbed(pictures: Tensor, judged: int) -> Tensor:
    """Moved as a whole by up to an eighth, and the last ``judged`` channels lighter or darker and of more or less contrast."""
    device, (count, _, height, width) = pictures.device, pictures.shape
    light, contrast = torch.rand(2, count, 1, 1, 1, device=device)
    source, image = pictures[:, :-judged], pictures[:, -judged:]
    mean = image.mean((1, 2, 3), keepdim=True)
    image = (image - mean) * (contrast + 0.5) + mean + light - 0.5
    across, down = ((torch.rand(2, count, device=device) - 0.5) * 4 / SHIFT).unbind()
    moves = torch.zeros(count, 2, 3, device=device)
    moves[:, 0, 0], moves[:, 1, 1], moves[:, 0, 2], moves[:, 1, 2] = 1, 1, across, down
    grid = functional.affine_grid(moves, [count, 1, height, width], align_corners=False)
    return functional.grid_sample(torch.cat([source, image], 1).float(), grid, align_corners=False)


class Candidates(Pix2Pix):
    """pix2pix with what the options add; the discriminator is a list of scales."""

    Options = CandidateOptions

    def __init__(self, options: CandidateOptions, domains: Domains) -> None:
        super().__init__(replace(options, discriminator_norm="none") if options.spectral else options, domains)
        self.tried = options
        self.adversary = ADVERSARIES[options.adversary]
        self.channels = domains.channels_out
        self.phase_steps = tuple(sorted({options.warm_up, options.half_size} - {0}))
        if options.lighter:
            self.generator = initialise(lightened(self.generator, options.lighter))
        like = self.discriminator
        assert isinstance(like, PatchGAN)
        if options.spectral:
            normalise_spectrally(like)
        self.discriminator = nn.ModuleList(initialise(copy.deepcopy(like)) for _ in range(options.scales))
        if options.first_weights:
            draw_weights(self, options.first_weights)

    def answers(self, source: Tensor, image: Tensor) -> ScaleMaps:
        """By scale the maps of its layers, the logits last."""
        assert isinstance(self.discriminator, nn.ModuleList)
        seen = torch.cat([source, image], 1)
        seen = disturbed(seen, self.channels) if self.tried.augment else seen
        found = []
        for number, scale in enumerate(self.discriminator):
            assert isinstance(scale, PatchGAN)
            seen = downsample(seen) if number else seen
            found.append(scale.maps(seen))
        return found

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        source, target = map(downsample, batch) if step < self.tried.half_size else batch
        fake = self.generator(source)
        distance = self.options.l1 * l1(fake, target)
        if step < self.tried.warm_up:
            yield Losses("generator", {"l1": distance})
            return
        if self.tried.one_pass:
            both, count = self.answers(torch.cat([source, source]), torch.cat([target, fake.detach()])), len(source)
            real, judged = split(both, count)
        else:
            judged, real = self.answers(source, fake.detach()), self.answers(source, target)
        yield self.against(real, judged, source, target)
        yield Losses("generator", {**self.for_generator(self.answers(source, fake), real), "l1": distance})

    def against(self, real: ScaleMaps, judged: ScaleMaps, source: Tensor, target: Tensor) -> Losses:
        terms = {"adversarial": 0.5 * discriminator_loss(self.adversary, real, judged) / self.tried.scales}
        if self.tried.r1:
            seen = target.detach().requires_grad_()
            answers = [one.float().mean((1, 2, 3)).sum() for one in logits(self.answers(source, seen))]
            (slope,) = torch.autograd.grad(torch.stack(answers).sum(), seen, create_graph=True)
            terms["r1"] = self.tried.r1 / 2 * slope.float().square().sum((1, 2, 3)).mean()
        return Losses("discriminator", terms, mean_accuracy(self.options.adversary, real, judged))

    def for_generator(self, judged: ScaleMaps, real: ScaleMaps) -> dict[str, Tensor]:
        terms = {"adversarial": adversarial_loss(self.adversary, judged) / self.tried.scales}
        if self.options.feature_matching:
            terms["feature_matching"] = self.options.feature_matching * feature_matching(
                feature_maps(judged), feature_maps(real)
            )
        return terms


def register() -> None:
    """From now on recipes may name it in this process."""
    SYSTEMS.add(NAME, Candidates, Candidates)
