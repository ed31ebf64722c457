"""Adam over memory in its own order: right whatever the layouts of weights and gradients are."""

import pytest
import torch
from torch import nn

from diptych.recipe import TrainingSettings
from diptych.training.processes import Processes
from diptych.training.side import Side
from diptych.training.step import backward, optimiser_step

ALONE = Processes(0, 1, torch.device("cpu"))
LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
SETTINGS = TrainingSettings(steps=10)


@pytest.mark.parametrize("of_gradients", LAYOUTS)
@pytest.mark.parametrize("of_weights", LAYOUTS)
def test_a_side_moves_weights_as_plain_adam_does(of_weights: str, of_gradients: str) -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Conv2d(6, 8, 4), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 1))
    plain = nn.Sequential(nn.Conv2d(6, 8, 4), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 1))
    plain.load_state_dict(ours.state_dict())
    ours.to(memory_format=LAYOUTS[of_weights])  # type: ignore[call-overload]  # the stub lacks it
    side = Side("generator", ours, SETTINGS, ALONE)
    reference = torch.optim.Adam(plain.parameters(), 1e-2, (0.5, 0.999))
    for step in range(3):
        for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
            gradient = torch.randn(mine.shape)
            layout = LAYOUTS[of_gradients] if gradient.dim() == 4 else torch.contiguous_format
            mine.grad, theirs.grad = gradient.clone(memory_format=layout), gradient
        side.set_rate(1e-2, step)
        optimiser_step(side)
        reference.step()
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
    for name, parameter in plain.named_parameters():
        moment = side.state()[f"side.generator.{name}.exp_avg"]
        torch.testing.assert_close(moment, reference.state[parameter]["exp_avg"], rtol=1e-5, atol=1e-7)


def test_what_a_step_does_not_reach_is_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1))
    side = Side("generator", network, SETTINGS, ALONE)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    for parameter in network[0].parameters():
        parameter.grad = torch.ones_like(parameter)
    side.set_rate(1e-2, 0)
    optimiser_step(side)
    moved = [not torch.equal(*pair) for pair in zip(before, network.parameters(), strict=True)]
    assert moved == [True, True, False, False]
    assert not any(name.startswith("side.generator.1.") for name in side.state())
    assert side.expected(side.state()).keys() == side.state().keys()
    one = {"side.generator.1.bias.exp_avg": torch.zeros(4)}  # a file that lacks the others of these moments
    assert set(side.expected(one)) == {
        f"side.generator.1.bias.{moment}" for moment in ("exp_avg", "exp_avg_sq", "step")
    }
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_graph_from_before_an_update_is_refused() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    side = Side("generator", network, SETTINGS, ALONE)
    before, after = (network(torch.ones(2, 4)).sum() for _ in range(2))
    side.set_rate(1e-2, 0)
    before.backward()
    optimiser_step(side)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        after.backward()


def test_the_running_average_follows_the_generator() -> None:
    """Weights w1, w2, ... with shares 1 - min(average, (1 + step) / (10 + step)); other sides have none."""
    network = nn.Linear(2, 1, bias=False)
    settings = TrainingSettings(steps=10, average=0.24)
    side = Side("generator.a_to_b", network, settings, ALONE)
    assert Side("discriminator", nn.Linear(2, 1), settings, ALONE).average == {}
    assert Side("generator", nn.Linear(2, 1), SETTINGS, ALONE).average == {}
    expected = network.weight.detach().clone()
    for step, kept in enumerate((1 / 10, 2 / 11, 0.24, 0.24)):  # 3/12 and 4/13 are more than 0.24
        network.weight.grad = torch.ones(1, 2) * (step + 1)
        side.set_rate(0.1, step)
        optimiser_step(side)
        expected = kept * expected + (1 - kept) * network.weight.detach()
        torch.testing.assert_close(side.average["generator.a_to_b.weight"], expected)
    assert torch.equal(side.state()["average.generator.a_to_b.weight"], side.average["generator.a_to_b.weight"])


@pytest.mark.parametrize("limit", [0.0, 2.5, 100.0])
def test_a_gradient_is_clipped_to_a_norm(limit: float) -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    side = Side("generator", network, TrainingSettings(steps=10, clip_gradient=limit), ALONE)
    for parameter in network.parameters():
        parameter.grad = torch.randn(parameter.shape) * 3
    gradients = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    length = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    assert 2.5 < length < 100
    side.set_rate(1e-2, 0)
    torch.testing.assert_close(optimiser_step(side), length)
    scale = 2.5 / length if limit == 2.5 else torch.ones(())
    for name, gradient in zip(side.trained, gradients, strict=True):
        torch.testing.assert_close(side.state()[f"side.{name}.exp_avg"], (1 - 0.5) * scale * gradient)


def test_shares_of_summed_terms_are_gathered() -> None:
    network, frozen = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
    side = Side("generator", network, SETTINGS, ALONE)
    ones = torch.ones(1, 2)
    for share in (0.25, 0.5):
        backward(side, {"one": network(ones).sum(), "other": 3 * network(ones).sum() + frozen(ones).sum()}, share)
    torch.testing.assert_close(network.weight.grad, torch.full((1, 2), 4 * 0.75))
    assert frozen.weight.grad is None


def test_what_is_frozen_has_no_moments() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    network[0].requires_grad_(False)
    side = Side("generator", network, SETTINGS, ALONE)
    assert list(side.trained) == ["generator.1.weight", "generator.1.bias"]
    assert side.role == "generator"
    assert Side("generator.b_to_a", network, SETTINGS, ALONE).role == "generator"


def test_a_side_goes_on_from_what_it_told() -> None:
    """In another memory layout too; and what it told is a copy to the one that took it."""
    torch.manual_seed(0)
    settings = TrainingSettings(steps=10, average=0.9)
    networks = [nn.Sequential(nn.Conv2d(3, 4, 2), nn.Conv2d(4, 4, 1)) for _ in range(2)]
    networks[1].to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stub lacks it
    sides = [Side("generator", network, settings, ALONE) for network in networks]

    def step(side: Side, network: nn.Module, number: int) -> None:
        generator = torch.Generator().manual_seed(number)
        for name, parameter in network.named_parameters():
            if number > 1 or not name.startswith("1."):  # the last layer is not moved at first
                parameter.grad = torch.randn(parameter.shape, generator=generator)
        side.set_rate(0.1, number)
        optimiser_step(side)

    step(sides[1], networks[1], 5)  # has moments of its own, which are to be forgotten
    for number in range(2):
        step(sides[0], networks[0], number)
    told = {name: tensor.clone() for name, tensor in sides[0].state().items()}
    networks[1].load_state_dict(networks[0].state_dict())
    sides[1].load(told)
    assert list(sides[1].moments) == ["generator.0.weight", "generator.0.bias"]
    for number in range(2, 4):
        for side, network in zip(sides, networks, strict=True):
            step(side, network, number)
    for name, tensor in sides[0].state().items():
        torch.testing.assert_close(sides[1].state()[name], tensor)
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert {int(tensor) for name, tensor in sides[1].state().items() if name.endswith(".step")} == {2, 4}
    assert all(int(told[name]) == 2 for name in told if name.endswith(".step"))
