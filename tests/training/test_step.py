"""What the recipe's keys do to a step."""

import math
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest
import torch
from torch import Tensor
from toys import assert_equal, tiny_recipe

from diptych.errors import UsageError
from diptych.pictures.kinds import Batch
from diptych.systems import Losses, Pix2Pix
from diptych.training import step as training_step
from diptych.training.processes import Processes, benchmarked_kernels
from diptych.training.side import Side
from diptych.training.trainer import Entry, Fault, Trainer

ALONE = Processes(0, 1, torch.device("cpu"))

STEADY = ["options.norm=instance", "options.discriminator_norm=instance", "options.dropout=[]"]


def batch_of(count: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(*(torch.rand(count, 3, 16, 16, generator=generator) * 2 - 1 for _ in range(2)))


def trainer_of(*words: str) -> Trainer:
    return Trainer(tiny_recipe("pix2pix", Path("unused"), *words), ALONE, pictures=12)


def system_weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.state.system.state_dict().items()}


def test_two_accumulated_batches_equal_one_of_both() -> None:
    """Gradients are compared through Adam's first moment after one step, 0.5 of the gradient."""
    whole, parts = trainer_of(*STEADY), trainer_of(*STEADY, "training.accumulate=2")
    both = batch_of(4)
    halves = [Batch(both.source[i : i + 2], both.target[i : i + 2]) for i in (0, 2)]
    entry, entry_of_parts = whole.advance(iter([both]), 0, 0), parts.advance(iter(halves), 0, 0)
    for name in ("discriminator.adversarial", "discriminator.accuracy", "generator.l1"):
        assert entry_of_parts[name] == pytest.approx(entry[name], rel=1e-3)  # the mean of both
    first, second = whole.state.sides["discriminator"].state(), parts.state.sides["discriminator"].state()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-4, atol=1e-6)


def test_what_stands_after_the_last_yield_runs_for_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of("training.accumulate=3")
    plain, ended = trainer.state.system.losses, list[int]()

    def losses(batch: Batch, step: int) -> Iterator[Losses]:
        yield from plain(batch, step)
        ended.append(step)

    monkeypatch.setattr(trainer.state.system, "losses", losses)
    trainer.advance(repeat(batch_of(2)), 5, 0)
    assert ended == [5, 5, 5]


def spy(monkeypatch: pytest.MonkeyPatch, note: Callable[[Side], object]) -> None:
    """Have every side that is updated noted before."""
    plain = training_step.optimiser_step

    def noted(side: Side) -> Tensor:
        note(side)
        return plain(side)

    monkeypatch.setattr(training_step, "optimiser_step", noted)


def test_several_discriminator_updates_for_one_of_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of("training.discriminator_updates=3")
    updates: list[str] = []
    spy(monkeypatch, lambda side: updates.append(side.path))
    taken: list[int] = []

    def batches() -> Iterator[Batch]:
        for seed in range(100):
            taken.append(seed)
            yield batch_of(1, seed)

    trainer.advance(batches(), 0, 0)
    assert updates == ["discriminator", "discriminator", "discriminator", "generator"]
    assert taken == [0, 1, 2]


def test_a_clipped_gradient_has_the_stated_length() -> None:
    trainer = trainer_of("training.clip_gradient=0.001", "training.beta1=0.0")
    entry = trainer.advance(repeat(batch_of(1)), 0, 0)
    assert float(entry["generator.gradient"]) > 0.001  # what is logged is the length before clipping
    moments = [value for name, value in trainer.state.sides["generator"].state().items() if name.endswith("exp_avg")]
    length_now = torch.stack([moment.square().sum() for moment in moments]).sum().sqrt()
    assert length_now.item() == pytest.approx(0.001, rel=1e-3)


def test_a_learning_rate_of_nothing_changes_nothing() -> None:
    trainer = trainer_of("training.learning_rate={generator=0.0, discriminator=0.0}", *STEADY)
    before = system_weights(trainer)
    trainer.advance(repeat(batch_of(1)), 0, 0)
    assert_equal(before, system_weights(trainer))


def test_the_average_follows_the_generator() -> None:
    trainer = trainer_of("training.average=0.5")
    side = trainer.state.sides["generator"]
    start = {name: value.clone() for name, value in side.average.items()}
    trainer.advance(repeat(batch_of(1)), 0, 0)
    for name, average in side.average.items():  # decay is at most (1 + step) / (10 + step) at first
        torch.testing.assert_close(average, torch.lerp(start[name], side.parameters[name].detach(), 0.9))
    assert not trainer.state.sides["discriminator"].average


def test_the_average_warms_up_to_its_decay() -> None:
    """Against a loop of its own: the decay is (1 + step) / (10 + step), until that is the recipe's."""
    trainer = trainer_of("training.average=0.3", "training.learning_rate={generator=0.01}")
    side = trainer.state.sides["generator"]
    expected = {name: parameter.detach().clone() for name, parameter in side.parameters.items()}
    for step, decay in enumerate([1 / 10, 2 / 11, 3 / 12, 0.3, 0.3, 0.3]):
        trainer.advance(iter([batch_of(1, step)]), step, faults=0)
        for name, average in expected.items():
            expected[name] = decay * average + (1 - decay) * side.parameters[name].detach()
    for name, average in side.average.items():
        torch.testing.assert_close(average, expected[name], rtol=1e-4, atol=1e-6, msg=name)
        assert (average - side.parameters[name]).abs().max() > 1e-4


def test_each_side_s_rate_is_its_own_times_the_schedule() -> None:
    rates = "training.learning_rate={generator=0.01,discriminator=0.04}"
    trainer = trainer_of(rates, "training.schedule=linear", "training.hold=0.0", "training.steps=4")
    for step, share in enumerate([1, 0.75, 0.5, 0.25]):
        entry = trainer.advance(iter([batch_of(1)]), step, faults=0)
        assert entry["rate"] == pytest.approx(share)
        found = {path: float(side.rate) for path, side in trainer.state.sides.items()}
        assert found == pytest.approx({"generator": 0.01 * share, "discriminator": 0.04 * share})


@pytest.mark.parametrize("channels_last", ["true", "false"])
def test_bfloat16_and_layout_train_alike(channels_last: str) -> None:
    plain = trainer_of("training.channels_last=false", *STEADY)
    other = trainer_of("training.precision=bfloat16", f"training.channels_last={channels_last}", *STEADY)
    for step in range(3):
        expected, found = (trainer.advance(repeat(batch_of(2)), step, 0) for trainer in (plain, other))
    assert float(found["generator.l1"]) == pytest.approx(float(expected["generator.l1"]), rel=0.02)


def test_the_batch_is_stated_in_words() -> None:
    words = trainer_of("training.batch_size=2", "training.accumulate=3").summary()
    assert "batch 2 per process x 3 accumulated, effective batch 6, cpu, float32" in words


def test_losses_are_pulled_under_autocast_and_applied_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []
    plain = Pix2Pix.losses

    def losses(self: Pix2Pix, batch: Batch, step: int) -> Iterator[Losses]:
        for part in plain(self, batch, step):
            seen.append(("pull", torch.is_autocast_enabled("cpu")))
            yield part

    monkeypatch.setattr(Pix2Pix, "losses", losses)
    trainer = trainer_of("training.precision=bfloat16")
    spy(monkeypatch, lambda _: seen.append(("apply", torch.is_autocast_enabled("cpu"))))
    trainer.advance(repeat(batch_of(1)), 0, 0)
    assert seen == [("pull", True), ("apply", False), ("pull", True), ("apply", False)]


def test_deterministic_asks_torch_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", asked.append)
    trainer_of("training.deterministic=true")
    trainer_of()
    assert asked == [True]


@pytest.mark.parametrize(
    ("values", "alone", "several"),
    [
        ({"discriminator.adversarial": math.nan}, 'the term "adversarial" of the discriminator is nan', ""),
        ({"generator.l1": 1.0, "generator.gradient": math.inf}, *["the gradient of the generator is not finite"] * 2),
        ({"discriminator.accuracy": math.nan}, "", ""),
    ],
)
def test_all_processes_meet_a_fault_together(values: dict[str, float], alone: str, several: str) -> None:
    """In the averaged gradient: a term may be bad in one of them alone. What is only logged is no fault."""
    for words, single in ((alone, True), (several, False)):
        entry = Entry(7, {}, single)
        tensors = {name: torch.tensor(value) for name, value in values.items()}
        entry.add(training_step.Scalars(tensors, {"discriminator.accuracy"}))
        if words:
            with pytest.raises(Fault, match=words) as found:
                entry.look()
            assert found.value.step == 7
        else:
            assert dict(entry) == pytest.approx(values, nan_ok=True)


def test_what_is_logged_and_not_minimised_is_known_by_then() -> None:
    trainer = trainer_of()
    entry = trainer.advance(iter([batch_of(1)]), 0, 0)
    assert entry.figures == {"discriminator.accuracy"}


def test_kernels_are_tried_in_steps_alone() -> None:
    before = torch.backends.cudnn.benchmark
    with benchmarked_kernels():
        assert torch.backends.cudnn.benchmark
    assert torch.backends.cudnn.benchmark == before


def test_tf32_is_refused_where_there_is_none() -> None:
    with pytest.raises(UsageError, match="is tf32, which NVIDIA GPUs have"):
        trainer_of("training.precision=tf32")
