"""What is not finite is dropped, the last checkpoint is restored, and what is said and kept of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych.errors import DiptychError
from diptych.pictures.kinds import Batch
from diptych.systems import Losses, Pix2Pix
from diptych.training import trainer
from diptych.training.run import read_lines
from diptych.training.trainer import Trainer


def spoil(monkeypatch: pytest.MonkeyPatch, at: set[int], how: str) -> list[int]:
    """Make the generator's loss, gradient or a weight not finite in the given visits of steps; returns the steps seen."""
    seen: list[int] = []
    plain = Pix2Pix.losses

    def losses(self: Pix2Pix, batch: Batch, step: int) -> Iterator[Losses]:
        seen.append(step)
        bad = len(seen) - 1 in at
        for part in plain(self, batch, step):
            terms = dict(part.terms)
            if bad and part.trains == "generator" and how == "loss":
                terms["l1"] = terms["l1"] * float("nan")
            if bad and part.trains == "generator" and how == "gradient":
                first = next(self.generator.parameters())
                terms["l1"] = terms["l1"] + (first * 0).sum().sqrt()  # value 0, derivative infinite times zero
            yield part._replace(terms=terms)
            if bad and part.trains == "generator" and how == "weight":
                with torch.no_grad():
                    next(self.generator.parameters())[0, 0, 0, 0] = float("inf")

    monkeypatch.setattr(Pix2Pix, "losses", losses)
    return seen


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("loss", 'the term "l1" of the generator is nan'),
        ("gradient", "the gradient of the generator is not finite"),
    ],
)
def test_what_is_not_finite_is_dropped_and_the_checkpoint_restored(
    how: str, words: str, toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = spoil(monkeypatch, {4}, how)
    run, said = run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    assert seen == [0, 1, 2, 3, 4, 3, 4, 5]  # step 4 failed, so back to the checkpoint of step 3
    assert any(f"Fault 1 at step 4: {words}" in line for line in said)
    assert all(torch.isfinite(tensor).all() for tensor in weights(run).values())
    assert read_lines(run.folder / "faults.jsonl") == [{"step": 4, "fault": 1, "what": words}]


@pytest.fixture
def looked_at_late(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Steps are looked at as on a GPU; gives the numbers that had to be waited for, by how many steps had been launched."""
    plain, fetch = Trainer.__init__, trainer.fetched
    waited: list[int] = []

    def build(self: Trainer, *arguments: Any, **named: Any) -> None:
        plain(self, *arguments, **named)
        self.reads_late = True

    def fetched(values: torch.Tensor) -> trainer.Fetch:
        waited.append(len(waited))
        return fetch(values)

    monkeypatch.setattr(Trainer, "__init__", build)
    monkeypatch.setattr(trainer, "fetched", fetched)
    return waited


@pytest.mark.parametrize(
    ("at", "how", "words", "visits"),
    [
        (3, "loss", 'step 3: the term "l1" of the generator is nan', [0, 1, 2, 3, 4, 3, 4, 5]),
        (4, "gradient", "step 4: the gradient of the generator is not finite", [0, 1, 2, 3, 4, 5, 3, 4, 5]),
        (2, "loss", 'step 2: the term "l1" of the generator is nan', [0, 1, 2, 0, 1, 2, 3, 4, 5]),
        (5, "loss", 'step 5: the term "l1" of the generator is nan', [0, 1, 2, 3, 4, 5, 3, 4, 5]),
    ],
)
def test_steps_looked_at_late_end_in_the_same_weights(
    at: int, how: str, words: str, visits: list[int], looked_at_late: list[int], toy_pairs: Path, tmp_path: Path
) -> None:
    """The fault is met one step later unless something is due, names its own step, and nothing of it is kept."""
    late = run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "healthy")[0]
    assert len(looked_at_late) == 6
    found = {}
    for now in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            seen = spoil(patch, {at}, how)
            if now:
                patch.setattr(trainer, "fetched", lambda values: values.tolist)
                patch.setattr(Trainer, "advance", looking(Trainer.advance))
            run, said = run_to_end(tiny_recipe("pix2pix", toy_pairs, "training.log_every=1000"), tmp_path / f"{now}")
            found[now] = weights(run)
            assert now or seen == visits
            assert any(f"Fault 1 at {words}" in line for line in said)
            assert [line["step"] for line in read_lines(run.folder / "faults.jsonl")] == [at]
    assert_equal(found[False], found[True])
    assert late.saved_steps()[-1] == 6


def looking(advance: Any) -> Any:
    """At once, as a processor does."""

    def at_once(self: Trainer, *arguments: Any) -> Any:
        found = advance(self, *arguments)
        found.look()
        return found

    return at_once


def test_a_weight_that_is_not_finite_is_never_saved(
    toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, {5}, "weight")
    run, said = run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    assert any("Fault 1" in line and "the weight" in line for line in said)
    assert all(torch.isfinite(tensor).all() for step in run.saved_steps() for tensor in weights(run, step).values())


def test_before_any_checkpoint_it_begins_again(
    toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = spoil(monkeypatch, {1}, "loss")
    run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    assert seen == [0, 1, 0, 1, 2, 3, 4, 5]


def test_too_many_faults_end_the_run_with_advice(
    toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, set(range(4, 50)), "loss")
    recipe = tiny_recipe("pix2pix", toy_pairs, "training.max_faults=2")
    with pytest.raises(DiptychError, match=r"fault 3 of 2 allowed\. Lower training\.learning_rate"):
        run_to_end(recipe, tmp_path / "run")
    with pytest.raises(DiptychError, match="the checkpoint of step 3 is whole, and the same command goes on from it"):
        run_to_end(recipe, tmp_path / "run")
    monkeypatch.undo()
    run, said = run_to_end(recipe, tmp_path / "run")  # the checkpoint before the faults is whole
    assert any("Resumed at step 3" in line for line in said)
    assert run.saved_steps()[-1] == 6


def test_a_failure_without_a_checkpoint_speaks_of_none(
    toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, set(range(50)), "loss")
    with pytest.raises(DiptychError, match="no checkpoint was saved yet, and the same command begins anew"):
        run_to_end(tiny_recipe("pix2pix", toy_pairs, "training.max_faults=0"), tmp_path / "run")


def test_a_fault_changes_the_draws_that_follow(
    toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs)
    healthy, _ = run_to_end(recipe, tmp_path / "healthy")
    spoil(monkeypatch, {4}, "loss")
    faulty, _ = run_to_end(recipe, tmp_path / "faulty")
    with pytest.raises(AssertionError):
        assert_equal(weights(healthy), weights(faulty))
