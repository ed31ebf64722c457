"""Each trouble is brought about, and what is said and done about it is seen."""

from pathlib import Path
from typing import Any

import pytest
import torch
from toys import run_to_end, tiny_recipe

from diptych.recipe import read
from diptych.systems import Pix2Pix
from diptych.training.monitoring import health
from diptych.training.monitoring.health import EARLY, STANDSTILL, WON_WINDOWS, Health


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
