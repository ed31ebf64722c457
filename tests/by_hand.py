"""A training step in plain torch, by the papers' formulas and torch's Adam, and its comparison with the real loop."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam
from toys import tiny_recipe
from variants import ALONE, minimised

from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.systems import System
from diptych.training import state
from diptych.training.accelerate import fused_adam
from diptych.training.setup.estimate import noise
from diptych.training.state import address, build
from diptych.training.trainer import Trainer

EPSILON = 1e-2
"""Of Adam, so that a gradient that is nothing but rounding moves no weight: not so 1e-8."""
SETTINGS = [
    "training.learning_rate={generator=0.002,discriminator=0.003}",
    "training.schedule=constant",
    "training.beta1=0.4",
    "training.beta2=0.8",
    "training.channels_last=false",
]
ADVERSARIES = ["vanilla", "least-squares", "hinge"]
Adams = dict[str, Adam]
Step = Callable[[System, Adams, Batch, int, Recipe], dict[str, Tensor]]
"""One step on a twin of the system; gives the losses by the names of the log, weighted."""


def real_and_fake(kind: str, real: Tensor, fake: Tensor) -> Tensor:
    """A discriminator's loss, from its logits."""
    if kind == "vanilla":
        ones, zeros = torch.ones_like(real), torch.zeros_like(fake)
        of_logits = functional.binary_cross_entropy_with_logits
        return of_logits(real, ones) + of_logits(fake, zeros)
    if kind == "least-squares":
        return ((real - 1) ** 2).mean() + (fake**2).mean()
    if kind == "hinge":
        return -torch.minimum(real - 1, torch.zeros(())).mean() - torch.minimum(-fake - 1, torch.zeros(())).mean()
    return fake.mean() - real.mean()


def called_real(kind: str, fake: Tensor) -> Tensor:
    """A generator's loss, from the logits of its fakes."""
    if kind == "vanilla":
        return -torch.log(torch.sigmoid(fake)).mean()
    return ((fake - 1) ** 2).mean() if kind == "least-squares" else -fake.mean()


def descend(adam: Adam, terms: dict[str, Tensor], frozen: nn.Module | None = None) -> None:
    """Minimise the sum without a change of ``frozen``."""
    adam.zero_grad()
    torch.stack(list(terms.values())).sum().backward()
    if frozen is not None:
        frozen.zero_grad()
    adam.step()


def assert_step_by_hand(
    system: str, words: list[str], step_by_hand: Step, monkeypatch: pytest.MonkeyPatch, count: int = 2
) -> None:
    """Losses of each of ``count`` steps, and weights and buffers after them, are those of the step written by hand.

    Few steps, since a kink (of a leaky ReLU, of a difference's absolute value) that rounding passes turns a gradient over.
    """
    monkeypatch.setattr(fused_adam, "EPSILON", EPSILON)
    monkeypatch.setattr(state, "use_products", lambda _: None)  # which round otherwise
    recipe = tiny_recipe(system, Path("unused"), *SETTINGS, *words)
    trainer, twin = Trainer(recipe, ALONE, pictures=100), build(recipe).train()
    rates = {"generator": 0.002, "discriminator": 0.003}
    adams = {
        path: Adam(twin.get_submodule(path).parameters(), rates[path.partition(".")[0]], (0.4, 0.8), EPSILON)
        for path in twin.sides
    }
    before = {name: value.clone() for name, value in twin.state_dict().items()}
    torch.manual_seed(1)
    batches = [noise(recipe) for _ in range(count)]
    for step, batch in enumerate(batches):
        entry = trainer.advance(iter([batch]), step, faults=0)
        torch.manual_seed(address(0, 0, step + 1, 0))
        expected = step_by_hand(twin, adams, batch, step, recipe)
        terms = set(minimised(entry))
        assert terms == expected.keys()
        for name, value in expected.items():
            assert entry[name] == pytest.approx(value.item(), rel=2e-4, abs=1e-6), (step, name)
    found, idle, moved = trainer.state.system.state_dict(), rounding_alone(twin, adams), 0
    for name, value in twin.state_dict().items():
        if name not in idle and not name.endswith("running_mean"):  # which follows such biases
            torch.testing.assert_close(
                found[name], value, rtol=1e-3, atol=1e-4, msg=told(f"{name} after {count} steps")
            )
            moved += (value.float() - before[name].float()).abs().max() > 2e-4
    assert moved > 0.5 * len(before)


def told(what: str) -> Callable[[str], str]:
    """For ``assert_close``: the name of what differs before its message."""
    return lambda how: f"{what}: {how}"


def rounding_alone(twin: System, adams: Adams) -> set[str]:
    """Weights whose gradient is rounding alone: biases that a norm cancels."""
    found = set()
    for path, adam in adams.items():
        parameters = twin.get_submodule(path).named_parameters()
        states = {f"{path}.{name}": adam.state[one] for name, one in parameters if one in adam.state}
        sizes = {name: known["exp_avg_sq"].max().sqrt() for name, known in states.items()}
        found |= {name for name, size in sizes.items() if size < 1e-5 * max(sizes.values())}
    return found
