"""pix2pix and CycleGAN against loops written out by hand."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from building import batch_of, build
from torch import Tensor, nn
from torch.nn import functional

from diptych.pictures.kinds import Batch
from diptych.systems import CycleGAN, Pix2Pix, System
from diptych.systems.parts.image_pool import ImagePool


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


def gradients_by_hand(generator: nn.Module, discriminator: nn.Module, batch: Batch, at_once: bool) -> dict[str, Tensor]:
    """With features matched, weight 10: of both players before either update, or of the generator after the discriminator's."""
    source, target = batch

    def maps(image: Tensor) -> list[Tensor]:
        last, found = torch.cat([source, image], 1), []
        for layer in discriminator.get_submodule("layers").children():
            last = layer(last)
            if isinstance(layer, nn.LeakyReLU):
                found.append(last)
        return [*found, last]

    torch.manual_seed(0)
    fake = generator(source)
    judged, real = maps(fake if at_once else fake.detach()), maps(target)
    loss = (functional.softplus(-real[-1]).mean() + functional.softplus(judged[-1]).mean()) * 0.5
    own = torch.autograd.grad(loss, list(discriminator.parameters()), retain_graph=True)
    if not at_once:
        adam = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for parameter, gradient in zip(discriminator.parameters(), own, strict=True):
            parameter.grad = gradient
        real = [found.detach() for found in real]
        adam.step()
        judged = maps(fake)
    loss = functional.softplus(-judged[-1]).mean() + 100 * functional.l1_loss(fake, target)
    for one, other in zip(judged[:-1], real[:-1], strict=True):
        loss = loss + 10 * functional.l1_loss(one, other.detach())
    others = torch.autograd.grad(loss, list(generator.parameters()))
    names = [f"discriminator.{name}" for name, _ in discriminator.named_parameters()]
    names += [f"generator.{name}" for name, _ in generator.named_parameters()]
    return dict(zip(names, [*own, *others], strict=True))


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
        from diptych.training.step import backward, optimiser_step

        for step, batch in enumerate(batches):
            torch.manual_seed(step)
            pulls: Iterator[Any] = self.system.losses(batch, step)
            for losses in pulls:
                side = self.sides[losses.trains]
                backward(side, losses.terms, 1.0)
                side.set_rate(2e-4, step)
                optimiser_step(side)


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


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_gradients_of_feature_matching_in_both_orders(order: str) -> None:
    """Half of each gradient is Adam's first moment after a step; to rounding, since sums at the fake have another order."""
    system = build("pix2pix", order=order, feature_matching=10.0)
    assert isinstance(system, Pix2Pix)
    twin = copy.deepcopy(system)
    loop = Fixed(system)
    loop.run([batch_of()])
    assert twin.discriminator is not None
    expected = gradients_by_hand(twin.generator, twin.discriminator, batch_of(), order == "simultaneous")
    for side in loop.sides.values():
        moments = side.state()
        for name in side.parameters:
            found = 2 * moments[f"side.{name}.exp_avg"]
            torch.testing.assert_close(found, expected[name], rtol=1e-3, atol=1e-5, msg=name)


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
    ((logits,),) = system.judge(source, batch_of().target)
    if sees_source:
        (gradient,) = torch.autograd.grad(logits.sum(), source)
        assert gradient.abs().sum() > 0
    else:
        (nothing,) = torch.autograd.grad(logits.sum(), source, allow_unused=True)
        assert nothing is None  # an unconditional discriminator does not see its source at all
    *_, generator = system.losses(batch_of(), 0)
    assert ("l1" in generator.terms) == weights_l1
