"""BicycleGAN: a step written by hand, who learns from what, and the published settings."""

import math
from pathlib import Path

import pytest
import torch
from building import batch_of, build
from by_hand import ADVERSARIES, Adams, assert_step_by_hand, called_real, descend, real_and_fake
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from toys import tiny_recipe

from diptych.errors import UsageError
from diptych.losses import kl_divergence
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe, read
from diptych.systems import BicycleGAN, System


def step_by_hand(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> dict[str, Tensor]:
    """Each half in a pass of its own; the encoder is left out of the latent term by zeroing what it collects of it."""
    assert isinstance(system, BicycleGAN)
    options, g, half = recipe.options, system.generator, len(batch.source) // 2
    (a1, a2), (b1, b2) = batch.source.split(half), batch.target.split(half)
    mean, log_variance = g.encoder(b1)
    drawn, epsilon = torch.randn_like(mean), torch.randn_like(mean)
    fake1, fake2 = g(a1, mean + torch.exp(log_variance / 2) * epsilon), g(a1, drawn)

    def scales(name: str, source: Tensor, picture: Tensor) -> list[Tensor]:
        seen = torch.cat([source, picture], 1) if options.conditional else picture
        small = avg_pool2d(seen, 3, 2, 1, count_include_pad=False)
        d = system.get_submodule(f"discriminator.{name}.scales")
        assert isinstance(d, nn.ModuleList)
        return [d[0](seen), d[1](small)]

    def fooled(name: str, fake: Tensor) -> Tensor:
        return torch.stack([called_real(options.adversary, logits) for logits in scales(name, a1, fake)]).sum()

    divergence = -(1 + log_variance - mean**2 - log_variance.exp()).sum() / 2
    terms = {
        "generator.adversarial_encoded": fooled("encoded", fake1),
        "generator.adversarial_random": fooled("random", fake2),
        "generator.l1": options.l1 * (fake1 - b1).abs().mean(),
        "generator.kl": options.kl * divergence,
    }
    latent = options.latent * (g.encoder(fake2)[0] - drawn).abs().mean()
    adam = adams["generator"]
    adam.zero_grad()
    latent.backward(retain_graph=True)
    g.encoder.zero_grad()
    torch.stack(list(terms.values())).sum().backward()
    adam.step()
    losses = {}
    for name, fake, real, source in (("encoded", fake1, b1, a1), ("random", fake2, b2, a2)):
        pairs = zip(scales(name, source, real), scales(name, a1, fake.detach()), strict=True)
        values = [real_and_fake(options.adversary, *pair) for pair in pairs]
        losses[f"discriminator.adversarial_{name}"] = torch.stack(values).sum()
    descend(adams["discriminator"], losses)
    return terms | {"generator.latent": latent} | losses


@pytest.mark.parametrize(
    "words",
    [
        *[[f"options.adversary={adversary}"] for adversary in ADVERSARIES],
        ["options.conditional=true", "training.batch_size=4", "options.l1=3", "options.kl=0.5", "options.latent=4"],
        ["options.style_at=first", "options.style=2"],
    ],
    ids=str,
)
def test_a_step_by_hand(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "diptych.systems.bicyclegan.xavier_init", lambda module: None
    )  # so that gradients are no rounding
    assert_step_by_hand("bicyclegan", ["options.dropout=[]", *words], step_by_hand, monkeypatch, 1)


def grads(system: System, prefix: str) -> bool:
    named = system.get_submodule("generator").named_parameters()
    return any(p.grad is not None and bool(p.grad.any()) for name, p in named if name.startswith(prefix))


def test_the_encoder_learns_from_all_terms_but_the_latent_one_and_the_random_half() -> None:
    reached = {}
    for name in ("latent", "adversarial_random", "adversarial_encoded", "l1", "kl"):
        system = build("bicyclegan")
        next(iter(system.losses(batch_of(), 0))).terms[name].backward()
        reached[name] = (grads(system, "encoder."), grads(system, "down."))
    assert reached == {
        "latent": (False, True),
        "adversarial_random": (False, True),
        "adversarial_encoded": (True, True),
        "l1": (True, True),
        "kl": (True, False),
    }


def test_extra_terms_see_the_half_whose_targets_are_known() -> None:
    system, batch = build("bicyclegan"), batch_of(count=4)
    losses = next(iter(system.losses(batch, 0)))
    source, target, fake = losses.pictures["a-to-b"]
    assert torch.equal(source, batch.source[:2])
    assert torch.equal(target, batch.target[:2])
    assert losses.terms["l1"].item() == pytest.approx(10 * (fake - target).abs().mean().item())


def test_the_worked_example_of_the_divergence() -> None:
    found = kl_divergence(torch.tensor([1.0, 2.0]), torch.tensor([0.0, math.log(4)]))
    assert 0.01 * found.item() == pytest.approx(0.033068528, rel=1e-6)


def test_first_weights_are_xaviers() -> None:
    system = build("bicyclegan", width=16, discriminator_width=16)
    for module in system.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            fans = nn.init._calculate_fan_in_and_fan_out(module.weight)
            if module.weight.numel() > 4000:
                assert module.weight.std().item() == pytest.approx(0.02 * math.sqrt(2 / sum(fans)), rel=0.1)
            assert module.bias is not None
            assert not module.bias.any()


def test_the_published_settings() -> None:
    recipe = read("bicyclegan-facades")
    training, options = recipe.training, recipe.options
    assert (training.epochs, training.batch_size, training.schedule) == (400, 2, "linear-pytorch-old")
    assert (training.beta1, training.beta2) == (0.5, 0.999)
    assert training.learning_rate == {"generator": 2e-4, "discriminator": 2e-4}
    assert (options.style, options.l1, options.kl, options.latent) == (8, 10, 0.01, 0.5)
    assert (options.adversary, options.conditional, options.style_at) == ("least-squares", False, "all")
    others = {name: read(f"bicyclegan-{name}") for name in ("edges2shoes", "edges2handbags", "maps", "day2night")}
    assert [one.training.epochs for one in others.values()] == [60, 30, 400, 100]
    assert [one.data.load_size for one in others.values()] == [256, 256, 600, 286]
    assert [one.data.mirror for one in others.values()] == [False, True, True, True]
    assert [one.domains.channels_in for one in others.values()] == [1, 1, 3, 3]


@pytest.mark.parametrize("count", [1, 3])
def test_batches_are_halved(count: int) -> None:
    with pytest.raises(UsageError, match=r"divides each batch; set training\.batch_size to a multiple of 2"):
        tiny_recipe("bicyclegan", Path("unused"), f"training.batch_size={count}")
