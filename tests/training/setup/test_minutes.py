"""A length in minutes becomes steps that stand in the recipe, and leaves no other trace in what is trained."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import several
from commanding import Typed, refused, tiny_words
from toys import Teller, assert_equal, run_to_end, tiny_recipe, weights

from diptych.machine.signals import announce
from diptych.recipe import Recipe, read
from diptych.training.loop import train
from diptych.training.monitoring import watch as monitored
from diptych.training.processes import join
from diptych.training.run import Run, read_recipe
from diptych.training.setup import minutes as lengths
from diptych.training.setup.minutes import Pace, begun_in_minutes, steps_within, with_steps


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def in_minutes(recipe: Recipe, folder: Path, minutes: float) -> tuple[Run, list[str]]:
    processes = join(recipe.training.device)
    with Run(folder, recipe) as run:
        watch = Teller(run, processes)
        train(recipe, run, processes, watch, minutes)
    return run, watch.said


@pytest.mark.parametrize(
    ("seconds", "pace", "every", "found"),
    [
        # 600 = 4 looks of 5 and 580 steps of 1, a look every 145
        (600, Pace(1, 5), 1000, (580, 145)),
        # a look each 50 steps takes 55 seconds: 600 / 1.1
        (600, Pace(1, 5), 50, (545, 50)),
        # a tenth of 60 seconds is one look of 5
        (60, Pace(1, 5), 1000, (55, 55)),
        (60, Pace(1, 100), 1000, (1, 1)),
    ],
)
def test_steps_by_hand(seconds: float, pace: Pace, every: int, found: tuple[int, int]) -> None:
    assert steps_within(seconds, pace, every) == found


def test_metrics_have_their_share() -> None:
    assert steps_within(600, Pace(1, 1e-6), 1000, metrics=0.1) == (539, 135)


def test_phases_keep_their_share() -> None:
    recipe = read("srgan", profile="small")
    assert (recipe.training.steps, recipe.options.pretrain_steps) == (16_000, 12_000)
    found = with_steps(recipe, 400, 100, 16_000)
    assert (found.training.steps, found.training.epochs, found.options.pretrain_steps) == (400, 0, 300)
    assert (found.training.validate_every, found.training.checkpoint_every) == (100, 100)


@pytest.mark.parametrize(
    ("system", "more"),
    [
        ("pix2pix", ("training.average=0.9", "training.schedule=linear", "options.statistics=running")),
        ("srgan", ("options.pretrain_steps=3",)),
        ("cyclegan", ()),
    ],
)
def test_the_weights_are_those_of_a_run_of_so_many_steps(
    system: str, more: tuple[str, ...], toy_pairs: Path, tmp_path: Path
) -> None:
    task = ["data.task=unpaired"] if system == "cyclegan" else []
    recipe = tiny_recipe(system, toy_pairs, *task, *more, "data.workers=2")
    run, said = in_minutes(recipe, tmp_path / "minutes", 0.02)
    stored = read_recipe(tmp_path / "minutes")
    assert stored == run.recipe
    assert stored.training.epochs == 0
    assert run.saved_steps()[-1] == stored.training.steps
    assert any(f"0.02 minutes from the first step on: {stored.training.steps} steps." in words for words in said)
    straight, _ = run_to_end(stored, tmp_path / "straight")
    assert_equal(weights(run), weights(straight))


def test_the_minutes_are_about_kept(toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stated pace, not this machine's: steps, looks and their rhythm are written into the recipe."""
    monkeypatch.setattr(lengths, "measured", lambda *_: Pace(0.5, 1.0))
    recipe = tiny_recipe("pix2pix", toy_pairs, "training.validate_every=1000", "training.checkpoint_every=7")
    run, _ = in_minutes(recipe, tmp_path / "run", 0.2)
    found = run.recipe.training
    # 12 seconds: one look of 1, and 22 steps of a half
    assert (found.steps, found.validate_every, found.checkpoint_every) == (22, 22, 7)
    assert run.entries("events.jsonl")[0]["minutes"] == 0.2


def test_a_run_that_has_its_length(
    toy_pairs: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lengths, "measured", lambda *_: Pace(0.5, 1.0))
    words = [word for word in tiny_words(toy_pairs) if not word.startswith(("training.steps", "training.epochs"))]
    assert typed("train", "pix2pix", *words, "--minutes", "0.2").code == 0
    steps = read_recipe(tmp_path / "runs" / "pix2pix").training.steps
    assert steps == 14  # 12 seconds of 0.5 + 1 / 3, a look every third step
    for again in (["pix2pix", *words, "--minutes", "0.2"], ["runs/pix2pix"], ["runs/pix2pix", "--minutes", "0.2"]):
        said = typed("train", *again)
        assert (said.code, "The run is complete: 14 steps." in said.out) == (0, True), said
    refused(
        typed("train", "runs/pix2pix", "--minutes", "0.4"),
        2,
        "14 steps (from 0.2 minutes)",
        "training.steps such as 28",
    )
    said = typed("train", "runs/pix2pix", "training.steps=24")
    assert (said.code, "has 24 now" in said.out) == (0, True), said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["training.steps=5", "--minutes", "1"], "--minutes 1 and training.steps both say how long to train"),
        (["training.epochs=5", "--minutes", "1"], "training.epochs both say"),
        (["training={steps=5}", "--minutes", "1"], "training.steps both say"),
        (["--minutes", "0"], "--minutes is 0; give a number above 0"),
        (["--minutes", "-3"], "--minutes is -3"),
        (["--minutes", "nan"], "--minutes is nan"),
    ],
)
def test_lengths_that_contradict_each_other(
    words: list[str], said: str, toy_pairs: Path, typed: Typed, tmp_path: Path
) -> None:
    refused(typed("train", "pix2pix", f"data.folder={toy_pairs}", *words), 2, said)
    assert not (tmp_path / "runs").exists()


def test_a_run_with_another_length_takes_no_minutes(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    run_to_end(read("pix2pix", tiny_words(toy_pairs)), tmp_path / "run")
    refused(typed("train", "run", "--minutes", "2"), 2, "has its length already, 6 steps; leave --minutes away")


def test_nothing_was_learned_so_the_rate_is_measured_again(toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.toml").write_text(recipe.to_toml())
    assert begun_in_minutes(recipe, tmp_path / "run", 2) == (recipe, 2)


def test_asked_to_stop_while_measuring(
    toy_pairs: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = lengths.step_seconds

    def interrupted(trainer: Any, batches: Any, first: int, seconds: float, watch: Any) -> float:
        watch.interrupt()
        return plain(trainer, batches, first, seconds, watch)

    told: list[dict[str, bool]] = []
    monkeypatch.setattr(lengths, "step_seconds", interrupted)
    monkeypatch.setattr(monitored, "announce", lambda **how: told.append(how))
    words = [word for word in tiny_words(toy_pairs) if not word.startswith(("training.steps", "training.epochs"))]
    said = typed("train", "pix2pix", *words, "--minutes", "1")
    refused(said, 130, "interrupted")
    assert "for the steps of 1 minute ..." in said.out
    assert told == [{"trained": False}]
    assert not (tmp_path / "runs" / "pix2pix").exists()


def test_what_is_announced(capfd: pytest.CaptureFixture[str]) -> None:
    announce(trained=False)
    assert capfd.readouterr().err.strip() == "Nothing was trained yet; the same command begins again."


@pytest.mark.slow
def test_killed_and_resumed_is_bitwise_the_same(toy_pairs: Path, tmp_path: Path) -> None:
    words = [word for word in tiny_words(toy_pairs) if not word.startswith(("training.steps", "training.epochs"))]
    command = [sys.executable, "-m", "diptych", "train", "pix2pix", *words, "training.report=false", "--no-check"]
    command += ["--minutes", "0.1", "--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not list((tmp_path / "run" / "checkpoints").glob("0*.safetensors")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    stored = read_recipe(tmp_path / "run")
    assert Run(tmp_path / "run", stored).saved_steps()[-1] < stored.training.steps
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert read_recipe(tmp_path / "run") == stored
    straight, _ = run_to_end(stored, tmp_path / "straight")
    assert_equal(weights(Run(tmp_path / "run", stored)), weights(straight))


@pytest.mark.slow
def test_two_processes_agree_on_the_steps(toy_pairs: Path, tmp_path: Path) -> None:
    arguments = [
        word for word in several.words(toy_pairs) if not word.startswith(("training.steps", "training.epochs"))
    ]
    found = several.torchrun(2, [*arguments, "--minutes", "0.02"], tmp_path / "run")
    assert found.returncode == 0, found.stderr
    run = Run(tmp_path / "run", read_recipe(tmp_path / "run"))
    assert run.saved_steps()[-1] == run.recipe.training.steps
    straight = several.torchrun(2, [str(tmp_path / "run" / "recipe.toml")], tmp_path / "straight")
    assert straight.returncode == 0, straight.stderr
    assert_equal(weights(run), weights(Run(tmp_path / "straight", run.recipe)))
