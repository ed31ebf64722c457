"""Adam over memory in its own order: right whatever the layouts of weights and gradients are."""

import pytest
import torch
from torch import nn

from diptych.recipe import TrainingSettings
from diptych.training.processes import Processes
from diptych.training.side import Side

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
        side.prepare(1e-2, step)
        side.update()
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
    side.prepare(1e-2, 0)
    side.update()
    moved = [not torch.equal(*pair) for pair in zip(before, network.parameters(), strict=True)]
    assert moved == [True, True, False, False]
    assert not any(name.startswith("side.generator.1.") for name in side.state())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_graph_from_before_an_update_is_refused() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    side = Side("generator", network, SETTINGS, ALONE)
    before, after = (network(torch.ones(2, 4)).sum() for _ in range(2))
    side.prepare(1e-2, 0)
    before.backward()
    side.update()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        after.backward()
