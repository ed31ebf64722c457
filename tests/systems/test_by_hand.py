"""pix2pix and CycleGAN against loops written out by hand."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from building import batch_of, build
from torch import Tensor, nn
from torch.nn import functional

from diptych.images import Batch
from diptych.systems import CycleGAN, Pix2Pix, System
from diptych.systems.image_pool import ImagePool


def by_hand_pix2pix(generator: nn.Module, discriminator: nn.Module, batches: list[Batch]) -> None:
    """The step of the public PyTorch code, with detach and requires-grad toggles, in order."""
    betas = (0.5, 0.999)
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=betas, fused=True)
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=betas, fused=True)
    for step, (source, target) in enumerate(batches):
        torch.manual_seed(step)
        fake = generator(source)
        discriminator.requires_grad_(True)
        adam_d.zero_grad()
        judged_fake = discriminator(torch.cat([source, fake.detach()], 1))
        judged_real = discriminator(torch.cat([source, target], 1))
        loss = (functional.softplus(-judged_real).mean() + functional.softplus(judged_fake).mean()) * 0.5
        loss.backward()
        adam_d.step()
        discriminator.requires_grad_(False)
        adam_g.zero_grad()
        adversarial = functional.softplus(-discriminator(torch.cat([source, fake], 1))).mean()
        (adversarial + 100 * functional.l1_loss(fake, target)).backward()
        adam_g.step()
        discriminator.requires_grad_(True)


def at_once_by_hand(generator: nn.Module, discriminator: nn.Module, batches: list[Batch], features: float) -> None:
    """One answer on the fake for both players, and both gradients before either update."""
    adams = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (discriminator, generator)
    ]
    for step, (source, target) in enumerate(batches):
        torch.manual_seed(step)
        fake = generator(source)
        maps: list[list[Tensor]] = [[], []]  # of the fake, and of the target
        for found, image in zip(maps, (fake, target), strict=True):
            last = torch.cat([source, image], 1)
            for layer in discriminator.get_submodule("layers").children():
                last = layer(last)
                if isinstance(layer, nn.LeakyReLU):
                    found.append(last)
            found.append(last)
        (*inner, judged), (*real_inner, real) = maps
        loss_d = (functional.softplus(-real).mean() + functional.softplus(judged).mean()) * 0.5
        loss_g = functional.softplus(-judged).mean() + 100 * functional.l1_loss(fake, target)
        for one, other in zip(inner, real_inner, strict=True):
            loss_g = loss_g + features * functional.l1_loss(one, other.detach())
        for network, loss in ((discriminator, loss_d), (generator, loss_g)):
            gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
            for parameter, gradient in zip(network.parameters(), gradients, strict=True):
                parameter.grad = gradient
        for adam in adams:
            adam.step()


def by_hand_cyclegan(g: nn.ModuleDict, d: nn.ModuleDict, pools: dict[str, ImagePool], batches: list[Batch]) -> None:
    betas = (0.5, 0.999)
    adam_g = torch.optim.Adam(g.parameters(), lr=2e-4, betas=betas, fused=True)
    adam_d = torch.optim.Adam(d.parameters(), lr=2e-4, betas=betas, fused=True)
    ones: Callable[[Tensor], Tensor] = lambda logits: (logits - 1).square().mean()  # noqa: E731  (as short as the formula)
    for step, (a, b) in enumerate(batches):
        torch.manual_seed(step)
        d.requires_grad_(False)
        adam_g.zero_grad()
        fake_b, fake_a = g["a_to_b"](a), g["b_to_a"](b)
        total = ones(d["b"](fake_b)) + ones(d["a"](fake_a))
        total = (
            total + 10 * functional.l1_loss(g["b_to_a"](fake_b), a) + 10 * functional.l1_loss(g["a_to_b"](fake_a), b)
        )
        total.backward()
        adam_g.step()
        d.requires_grad_(True)
        adam_d.zero_grad()
        losses = []
        for name, real, fake in (("a", a, fake_a), ("b", b, fake_b)):
            judged_real, judged_fake = d[name](real), d[name](pools[name](fake))
            losses.append(0.5 * (ones(judged_real) + judged_fake.square().mean()))
        (losses[0] + losses[1]).backward()
        adam_d.step()


class Fixed:
    """The loop's way of applying losses, from the real Side."""

    def __init__(self, system: System) -> None:
        from diptych.recipe import TrainingSettings
        from diptych.training.processes import Processes
        from diptych.training.side import Side

        alone = Processes(0, 1, torch.device("cpu"))
        settings = TrainingSettings(steps=1)
        self.system = system
        self.sides = {side: Side(side, system.get_submodule(side), settings, alone) for side in system.sides}

    def run(self, batches: list[Batch]) -> None:
        for step, batch in enumerate(batches):
            torch.manual_seed(step)
            pulls: Iterator[Any] = self.system.losses(batch, step)
            for losses in pulls:
                side = self.sides[losses.trains]
                side.accumulate(losses.terms, 1.0)
                side.prepare(2e-4, step)
                side.update()


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert [key for key in first if not torch.equal(first[key], second[key])] == []


def test_pix2pix_equals_the_loop_written_by_hand() -> None:
    system = build("pix2pix")
    assert isinstance(system, Pix2Pix)
    twin = copy.deepcopy(system)
    batches = [batch_of(seed=seed) for seed in range(4)]
    Fixed(system).run(batches)
    assert twin.discriminator is not None
    by_hand_pix2pix(twin.generator, twin.discriminator, batches)
    assert_same_weights(system, twin)


@pytest.mark.parametrize("features", [0.0, 10.0])
def test_pix2pix_in_simultaneous_order_equals_the_loop_written_by_hand(features: float) -> None:
    """To rounding: the gradient at the fake is summed in another order."""
    system = build("pix2pix", order="simultaneous", feature_matching=features)
    assert isinstance(system, Pix2Pix)
    twin = copy.deepcopy(system)
    batches = [batch_of(seed=seed) for seed in range(2)]
    Fixed(system).run(batches)
    assert twin.discriminator is not None
    at_once_by_hand(twin.generator, twin.discriminator, batches, features)
    for name, found in system.state_dict().items():
        torch.testing.assert_close(found, twin.state_dict()[name], rtol=1e-4, atol=2e-5, msg=name)


def test_cyclegan_equals_the_loop_written_by_hand() -> None:
    system = build("cyclegan")
    assert isinstance(system, CycleGAN)
    twin = copy.deepcopy(system)
    batches = [batch_of(seed=seed) for seed in range(4)]
    Fixed(system).run(batches)
    pools = {name: pool for name, pool in twin.pool.items() if isinstance(pool, ImagePool)}
    by_hand_cyclegan(twin.generator, twin.discriminator, pools, batches)
    assert_same_weights(system, twin)


@pytest.mark.parametrize(
    ("objective", "sees_source", "weights_l1"),
    [("gan", False, False), ("cgan", True, False), ("l1+gan", False, True), ("l1+cgan", True, True)],
)
def test_objectives(objective: Any, sees_source: bool, weights_l1: bool) -> None:
    system = build("pix2pix", objective=objective)
    assert isinstance(system, Pix2Pix)
    source = batch_of().source.requires_grad_()
    (logits,) = system.judge(source, batch_of().target)
    if sees_source:
        (gradient,) = torch.autograd.grad(logits.sum(), source)
        assert gradient.abs().sum() > 0
    else:
        (nothing,) = torch.autograd.grad(logits.sum(), source, allow_unused=True)
        assert nothing is None  # an unconditional discriminator does not see its source at all
    *_, generator = system.losses(batch_of(), 0)
    assert ("l1" in generator.terms) == weights_l1
