"""RegGAN: a step written by hand, who learns from what, and that it finds a known shift."""

import colorsys

import pytest
import torch
from building import batch_of, build
from by_hand import ADVERSARIES, Adams, assert_step_by_hand, called_real, descend, real_and_fake
from torch import Tensor
from torch.nn import functional

from diptych.networks.registration import registration_unet
from diptych.networks.registration.registration_unet import RegistrationUNet
from diptych.networks.registration.warp import drawn, roughness, warp
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe, read
from diptych.systems import RegGAN, System


def moved(picture: Tensor, field: Tensor) -> Tensor:
    """By the formula: position plus field, normalised by 2 (p / (n - 1) - 1 / 2)."""
    height, width = picture.shape[2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    across = 2 * ((x + field[:, 1]) / (width - 1) - 0.5)
    down = 2 * ((y + field[:, 0]) / (height - 1) - 0.5)
    places = torch.stack([across, down], 3)
    return functional.grid_sample(picture, places, padding_mode="border", align_corners=True)


def step_by_hand(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> dict[str, Tensor]:
    """One joint step of G and R, then D on a fake of the updated G; without R on the fake from before."""
    assert isinstance(system, RegGAN)
    options, g, d = recipe.options, system.generator["a_to_b"], system.discriminator
    x, y = batch
    fake = g(x)
    terms = {"generator.adversarial": called_real(options.adversary, d(fake).mean((1, 2, 3)))}
    if options.registration:
        field = system.generator["registration"](fake, y)
        across, down = field[..., 1:] - field[..., :-1], field[..., 1:, :] - field[..., :-1, :]
        terms["generator.correction"] = options.correction * (moved(fake, field) - y).abs().mean()
        terms["generator.smoothness"] = options.smoothness * ((across**2).mean() + (down**2).mean())
    descend(adams["generator"], terms)
    shown = (g(x) if options.registration else fake).detach()
    loss = real_and_fake(options.adversary, d(y).mean((1, 2, 3)), d(shown).mean((1, 2, 3)))
    descend(adams["discriminator"], {"discriminator.adversarial": loss})
    return terms | {"discriminator.adversarial": loss}


@pytest.mark.parametrize(
    "words",
    [
        *[[f"options.adversary={adversary}"] for adversary in ADVERSARIES],
        ["options.correction=3", "options.smoothness=7", "training.batch_size=2"],
        ["options.registration=false", "options.pool=0"],
    ],
    ids=str,
)
def test_a_step_by_hand(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration_unet, "NEAR_ZERO", 0.1)  # so that gradients reach all of the registration network
    assert_step_by_hand("reggan", words, step_by_hand, monkeypatch, 1)


def test_both_terms_reach_the_generator_and_the_registration() -> None:
    for name in ("correction", "smoothness"):
        system = build("reggan")
        losses = next(iter(system.losses(batch_of(), 0)))
        losses.terms[name].backward()
        for part in ("a_to_b", "registration"):
            parameters = system.get_submodule(f"generator.{part}").parameters()
            assert any(parameter.grad is not None and parameter.grad.any() for parameter in parameters), (name, part)


def test_the_published_settings() -> None:
    recipe = read("reggan")
    assert recipe.training.epochs == 80
    assert recipe.training.batch_size == 1
    assert recipe.training.schedule == "constant"
    assert (recipe.training.beta1, recipe.training.beta2) == (0.5, 0.999)
    assert recipe.training.learning_rate == {"generator": 1e-4, "discriminator": 1e-4}
    options = recipe.options
    assert (options.correction, options.smoothness, options.adversary) == (20, 10, "least-squares")


def test_translating_takes_the_generator_alone() -> None:
    system = build("reggan")
    (spec,) = system.translators().values()
    assert spec.module == "generator.a_to_b"
    alone = build("reggan", registration=False)
    assert [name for name, _ in alone.get_submodule("generator").named_children()] == ["a_to_b"]


def test_the_registration_finds_a_known_shift() -> None:
    """Blurred noise against itself, two pixels lower and one to the left."""
    torch.manual_seed(0)
    network = RegistrationUNet(1, levels=3, width=8)
    picture = functional.avg_pool2d(torch.randn(4, 1, 48, 48), 9, 1, 4) * 4
    fixed, floating = picture[:, :, 6:38, 6:38], picture[:, :, 4:36, 7:39]  # floating[i + 2, j - 1] is fixed[i, j]
    adam = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(60):
        field = network(floating, fixed)
        loss = 20 * (warp(floating, field) - fixed).abs().mean() + 10 * roughness(field)
        adam.zero_grad()
        loss.backward()
        adam.step()
    inner = network(floating, fixed)[:, :, 4:-4, 4:-4]
    assert inner[:, 0].median().item() == pytest.approx(2, abs=0.4)
    assert inner[:, 1].median().item() == pytest.approx(-1, abs=0.4)


def test_the_field_is_drawn_by_direction_and_length() -> None:
    """Against the colour wheel of the standard library: hue the angle, saturation the length, about grey."""
    field = torch.zeros(1, 2, 1, 4)
    field[0, :, 0] = torch.tensor([[0, 0, 4, 9], [0, 2, 0, 0]])  # none; 2 across; 4 down; 9 down
    colours = drawn(field)[0, :, 0].T
    assert colours[0].tolist() == [0, 0, 0]
    for colour, (length, turn) in zip(colours[1:], ((2, 0.0), (4, 0.25), (8, 0.25)), strict=True):
        assert colour.norm().item() == pytest.approx(length / 8 * 1.5**0.5, abs=1e-5)
        hue, _, _ = colorsys.rgb_to_hsv(*((colour + 1) / 2).tolist())
        assert hue == pytest.approx(turn, abs=0.04)  # a hexagon's corners and a circle's part by that


def test_grids_show_the_field_and_the_log_what_it_moves_away() -> None:
    system = build("reggan")
    batch = batch_of()
    losses = next(iter(system.losses(batch, 0)))
    assert {"field", "l1_unmoved", "l1_moved"} <= set(losses.figures)
    moved, colours = system.shown(batch, batch.target)
    assert moved.shape == batch.target.shape
    torch.testing.assert_close(moved, batch.target, atol=1e-2, rtol=0)  # an untrained field moves nearly nothing
    assert colours.abs().max() < 0.01
    assert build("reggan", registration=False).shown(batch, batch.target) == []
