"""Steps of pix2pixHD and SPADE against the same written by hand: the weights of scales and maps are those of the authors' codes."""

import pytest
import torch
from by_hand import ADVERSARIES, Adams, assert_step_by_hand, called_real, descend, real_and_fake
from torch import Tensor
from torch.nn.functional import one_hot

from diptych.networks.features.perceptual import perceptual_loss
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.systems import System
from diptych.systems.pix2pixhd import Pix2PixHD
from diptych.systems.spade import SPADESystem

ScaleMaps = list[list[Tensor]]
LITE = "options.perceptual_network=efficientnet-lite0"


def steps_of(words: list[str]) -> int:
    """One more than those in which a part rests; one where a deep network looks on, which has many kinks."""
    return 3 if any("fix_coarse" in word for word in words) else 1 if LITE in words else 2


def maps_of(source: Tensor) -> Tensor:
    """The three classes of tiny_recipe's palette, one-hot."""
    return one_hot(source[:, 0].long(), 3).permute(0, 3, 1, 2).float()


def matched(judged: ScaleMaps, real: ScaleMaps) -> Tensor:
    """Sum over all maps but the logits, each scale's share 1 / num_D, as both codes loop."""
    total = torch.zeros(())
    for i in range(len(judged)):
        for j in range(len(judged[i]) - 1):
            total = total + (judged[i][j] - real[i][j].detach()).abs().mean() / len(judged)
    return total


def pix2pixhd(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> dict[str, Tensor]:
    """All losses of one forward; the generator first; scales summed; feat_weights = 4 / (n_layers_D + 1), lambda_feat = 10."""
    assert isinstance(system, Pix2PixHD)
    (source, target), options, generator = batch, recipe.options, system.generator
    maps, kind = maps_of(source), options.adversary
    style = None
    if options.features:
        style = generator.encode(source, target)
        generator.remember(source, style)
    fake = generator(source, style)
    judged_detached: ScaleMaps = system.discriminator(torch.cat([maps, fake.detach()], 1))
    real: ScaleMaps = system.discriminator(torch.cat([maps, target], 1))
    judged: ScaleMaps = system.discriminator(torch.cat([maps, fake], 1))
    weight = 4 / (options.discriminator_layers + 1) * 10
    terms = {
        "generator.adversarial": torch.stack([called_real(kind, scale[-1]) for scale in judged]).sum(),
        "generator.feature_matching": weight * matched(judged, real),
    }
    if system.perceptual_network is not None:
        terms["generator.perceptual"] = 10 * perceptual_loss(system.perceptual_network, fake, target)
    pairs = zip(real, judged_detached, strict=True)
    loss = torch.stack([real_and_fake(kind, one[-1], other[-1]) for one, other in pairs]).sum() / 2
    descend(adams["generator"], terms, generator.coarse if step < options.fix_coarse_steps else None)
    others = {"discriminator.adversarial": loss}
    descend(adams["discriminator"], others)
    return terms | others


@pytest.mark.parametrize(
    "words",
    [
        *[[f"options.adversary={adversary}"] for adversary in ADVERSARIES],
        ["options.discriminator_layers=4", "options.scales=3"],
        ["options.features=2", "options.encoder_width=2", LITE],
        ["options.features=2", "options.encoder_width=2", "options.enhancers=1", "options.fix_coarse_steps=2"],
        ["options.enhancers=1", "options.fix_coarse_steps=1"],
    ],
    ids=str,
)
def test_pix2pixhd(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_step_by_hand("pix2pixhd", words, pix2pixhd, monkeypatch, steps_of(words))


def spade(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> dict[str, Tensor]:
    """Generator first, fake and real in one batch, scales averaged, no feat_weights, a fake made anew for the discriminator."""
    assert isinstance(system, SPADESystem)
    (source, target), options, count = batch, recipe.options, len(batch.source)
    maps, kind = maps_of(source), options.adversary

    def painted() -> tuple[Tensor, dict[str, Tensor]]:
        if not options.style:
            return system.generator(source), {}
        mean, log_variance = system.generator.encode(target)
        style = torch.exp(log_variance / 2) * torch.randn_like(mean) + mean
        divergence = -0.5 * torch.sum(1 + log_variance - mean**2 - log_variance.exp())
        return system.generator(source, style), {"generator.kl": 0.05 * divergence}

    def judged(fake: Tensor) -> tuple[ScaleMaps, ScaleMaps]:
        both = system.discriminator(torch.cat([torch.cat([maps, fake], 1), torch.cat([maps, target], 1)]))
        return [[m[:count] for m in scale] for scale in both], [[m[count:] for m in scale] for scale in both]

    fake, terms = painted()
    ours, real = judged(fake)
    terms["generator.adversarial"] = torch.stack([called_real(kind, scale[-1]) for scale in ours]).mean()
    terms["generator.feature_matching"] = 10 * matched(ours, real)
    if system.perceptual_network is not None:
        terms["generator.perceptual"] = 10 * perceptual_loss(system.perceptual_network, fake, target)
    descend(adams["generator"], terms)
    with torch.no_grad():
        fake, _ = painted()
    ours, real = judged(fake)
    pairs = zip(real, ours, strict=True)
    others = {"discriminator.adversarial": torch.stack([real_and_fake(kind, r[-1], f[-1]) for r, f in pairs]).mean()}
    descend(adams["discriminator"], others)
    return terms | others


@pytest.mark.parametrize(
    "words",
    [
        *[[f"options.adversary={adversary}"] for adversary in ADVERSARIES],
        ["options.discriminator_layers=4", "options.scales=3", "options.norm=instance"],
        ["options.style=4", LITE],
    ],
    ids=str,
)
def test_spade(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_step_by_hand("spade", words, spade, monkeypatch, steps_of(words))
