"""Each trouble is brought about, and what is said and done about it is seen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych.errors import DiptychError
from diptych.pictures.kinds import Batch
from diptych.recipe import read
from diptych.systems import Losses, Pix2Pix
from diptych.training import trainer
from diptych.training.monitoring import health
from diptych.training.monitoring.health import EARLY, STANDSTILL, WON_WINDOWS, Health
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


def test_a_discriminator_that_has_won_is_named_once() -> None:
    for steps, every, lines in ((200_000, 50, WON_WINDOWS), (400, 50, 3), (6, 1, 100), (900, 10, 10)):
        watched = Health(steps, every)
        said = [
            (line, words) for line in range(300) for words in watched.losses(line, {"discriminator.accuracy": 0.999})
        ]
        assert [line + 1 for line, _ in said] == [lines]  # of a short run earlier, but not in its first hundred steps
        assert f"the discriminator has won (discriminator.accuracy 1.00 for {lines} log lines)" in said[0][1]
    assert not list(Health(400, 50).losses(0, {"discriminator.accuracy": 0.8}))


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"diversity": 0.02, "l1": 0.3, "l1_inverted": 0.5}, "all outputs are alike"),
        ({"diversity": 0.9, "l1": 0.9, "l1_inverted": 0.2}, "look like inverted targets"),
        ({"diversity": 0.9, "change": 0.04}, "copies of their sources (they differ from them by 4 %"),
    ],
)
def test_alike_copied_and_inverted_outputs_are_named(scores: dict[str, float], words: str) -> None:
    (said,) = Health(10_000, 50).scores(1000, scores)
    assert words in said


@pytest.mark.parametrize(
    "scores",
    [{"diversity": 0.02, "l1": 0.3, "l1_inverted": 0.5}, {"diversity": 0.9, "l1": 0.9, "l1_inverted": 0.2}],
    ids=["alike", "inverted"],
)
def test_there_is_no_verdict_on_outputs_at_the_beginning(scores: dict[str, float]) -> None:
    watched = Health(10_000, 50)
    said = [(step, line) for step in (30, 60, EARLY, EARLY + 30) for line in watched.scores(step, scores)]
    assert [step for step, _ in said] == [EARLY]


@pytest.mark.parametrize(
    ("system", "overrides", "remedy"),
    [
        ("pix2pix", [], "another training.seed."),
        ("pix2pix", ["options.objective=cgan"], "or with an L1 term: options.l1=100 options.objective=l1+cgan."),
        ("pix2pix", ["options.l1=0"], "or with an L1 term: options.l1=100."),
        ("cyclegan", [], "or with an identity term: options.identity=0.5."),
        ("cyclegan", ["options.identity=0.5"], "another training.seed."),
        ("travelgan", [], "another training.seed."),
    ],
)
def test_against_inversion_a_term_is_named_that_is_off(system: str, overrides: list[str], remedy: str) -> None:
    watched = Health(10_000, 50, read(system, overrides).options)
    (said,) = watched.scores(1000, {"diversity": 0.9, "l1": 0.9, "l1_inverted": 0.2})
    assert said.endswith(remedy)


@pytest.mark.parametrize(
    ("system", "overrides", "remedy"),
    [
        ("cut", ["options.nce=10"], "Lower options.nce (10 here)."),
        ("cyclegan", ["options.identity=0.5"], "Lower options.cycle (10 here) or options.identity (0.5 here)."),
        ("pix2pix", [], "(diptych data check)."),
    ],
)
def test_against_copies_a_weight_is_named_that_holds_them(system: str, overrides: list[str], remedy: str) -> None:
    watched = Health(10_000, 50, read(system, overrides).options)
    (said,) = watched.scores(1000, {"diversity": 0.9, "change": 0.04})
    assert said.endswith(remedy)
    assert not list(watched.scores(2000, {"diversity": 0.9, "change": 0.3}))


def test_a_standstill_is_named() -> None:
    health = Health(10_000, 50)
    said = [line for since in range(STANDSTILL + 5) for line in health.standstill(since, since, "l1", 0)]
    assert len(said) == 1
    assert "nothing has improved" in said[0]


class Stubborn(torch.nn.Module):
    """A generator that answers every input alike, or gives it back, which here is the inverted target."""

    multiple = 1

    def __init__(self, inverts: bool) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1.0 if inverts else 0.0))

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        return source * self.scale


@pytest.mark.parametrize(("inverts", "words"), [
    (False, "all outputs are alike"), (True, "look like inverted targets"), (True, "are copies of their sources"),
])  # fmt: skip
def test_a_real_run_says_so(
    inverts: bool, words: str, toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Pix2Pix.__init__

    def build(self: Pix2Pix, *arguments: Any) -> None:
        plain(self, *arguments)
        self.generator = Stubborn(inverts)

    monkeypatch.setattr(Pix2Pix, "__init__", build)
    monkeypatch.setattr(health, "EARLY", 0)
    rates = "training.learning_rate={generator=0.0, discriminator=0.0}"
    _, said = run_to_end(tiny_recipe("pix2pix", toy_pairs, rates, "options.objective=l1"), tmp_path / "run")
    assert any(words in line for line in said)


def test_early_stopping_keeps_the_best(toy_pairs: Path, tmp_path: Path) -> None:
    rates = "training.learning_rate={generator=0.0, discriminator=0.0}"
    recipe = tiny_recipe(
        "pix2pix",
        toy_pairs,
        rates,
        "training.steps=30",
        "training.validate_every=1",
        "training.stop_after=4",
        "options.dropout=[]",
    )
    run, said = run_to_end(recipe, tmp_path / "run")
    assert any("Stopped early at step 5" in line for line in said)
    assert run.saved_steps()[-1] == 5
    assert run.path_of("best").is_file()
    run, said = run_to_end(recipe, tmp_path / "run")  # the same command does not go on past its end
    assert run.saved_steps()[-1] == 5
    patient = recipe.replace(patience=0.25)  # a quarter of 30 steps: the best is of step 1, so 1 + 7.5
    run, _ = run_to_end(patient, tmp_path / "run")
    assert run.saved_steps()[-1] == 9
    run, _ = run_to_end(patient.replace(steps=60), tmp_path / "run")  # more steps, more patience
    assert run.saved_steps()[-1] == 16
