"""The same command goes on, and ends bitwise where a run that was never stopped ends."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych.data.datasets import Pairs
from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Batch
from diptych.systems import SYSTEMS, Losses, Pix2Pix
from diptych.training.run import Run
from diptych.training.signals import stop_on_signals
from diptych.training.state import State
from diptych.training.validation import Validation

KILLS = int(os.environ.get("DIPTYCH_KILLS", "4"))


EVERYTHING = (
    "training.average=0.9",
    "training.schedule=cosine",
    "training.discriminator_updates=2",
    "training.accumulate=2",
)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("system", "more"),
    [
        *[(name, ()) for name in SYSTEMS],
        ("pix2pix", EVERYTHING),
        ("cyclegan", ("training.average=0.9",)),
        ("srgan", ("options.pretrain_steps=4", "options.content=lite0-fine")),
        (
            "pix2pixhd",
            ("options.features=3", "options.enhancers=1", "options.fix_coarse_steps=4", "training.average=0.9"),
        ),
        ("spade", ("options.style=8", "options.perceptual_network=efficientnet-lite0")),
        ("travelgan", ("options.fresh=true", "training.batch_size=4")),
        ("cyclegan", ('options.order="four-step"', "training.batch_size=2")),
    ],
)
def test_stopped_and_resumed_equals_never_stopped(
    system: str, more: tuple[str, ...], precision: str, toy_pairs: Path, tmp_path: Path
) -> None:
    more = (*more, f"training.precision={precision}")
    recipe = tiny_recipe(system, toy_pairs, *more, "data.workers=2")
    straight, _ = run_to_end(recipe, tmp_path / "straight")
    broken, _ = run_to_end(recipe, tmp_path / "broken")
    broken.path_of(6).unlink()  # as if it had been stopped between steps 3 and 6
    resumed, said = run_to_end(tiny_recipe(system, toy_pairs, *more, "data.workers=0"), tmp_path / "broken")
    assert any("Resumed at step 3" in line for line in said)
    assert_equal(weights(straight), weights(resumed))
    assert [entry["step"] for entry in resumed.entries("scores.jsonl")] == [3, 6]
    assert straight.entries("scores.jsonl") == resumed.entries("scores.jsonl")


def test_another_number_of_threads_is_said(toy_pairs: Path, tmp_path: Path) -> None:
    """Sums are cut up by threads, so bitwise equality needs as many as before; nobody should have to find that out."""
    recipe = tiny_recipe("pix2pix", toy_pairs)
    run, _ = run_to_end(recipe, tmp_path / "run")
    run.path_of(6).unlink()
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        _, said = run_to_end(recipe, tmp_path / "run")
    finally:
        torch.set_num_threads(threads)
    assert any(f"OMP_NUM_THREADS={threads} makes it exact" in line for line in said)


def test_another_recipe_is_refused_with_its_keys(toy_pairs: Path, tmp_path: Path) -> None:
    run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    other = tiny_recipe("pix2pix", toy_pairs, "options.l1=50", "training.seed=1", "data.workers=0")
    with pytest.raises(
        UsageError, match=r"options\.l1 was 100.0 and is now 50.0; training\.seed was 0 and is now 1"
    ) as refusal:
        run_to_end(other, tmp_path / "run")
    assert "workers" not in str(refusal.value)


def test_two_processes_cannot_train_in_one_folder(toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs)
    with Run(tmp_path / "run", recipe), pytest.raises(DiptychError, match="another process"):
        run_to_end(recipe, tmp_path / "run")


def command(recipe_words: list[str], folder: Path) -> list[str]:
    return [sys.executable, "-m", "diptych", "train", *recipe_words, "--no-check", "--out", str(folder)]


def tiny_words(folder: Path, *more: str) -> list[str]:
    """The command line's words for a tiny CycleGAN run, with a pool and an average."""
    words = (
        "options.width=4 options.discriminator_width=4 options.discriminator_layers=1 options.blocks=1 options.pool=3"
    )
    words += " data.load_size=18 data.crop_size=16 training.epochs=0 training.steps=400 training.checkpoint_every=7"
    words += " training.average=0.9 training.validate_every=50 training.picture_every=400"
    return ["cyclegan", *words.split(), f"data.folder={folder}", *more]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_killed_again_and_again(precision: str, toy_pairs: Path, tmp_path: Path) -> None:
    words = tiny_words(toy_pairs, f"training.precision={precision}")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    subprocess.run(command(words, straight), env=environment, check=True, capture_output=True)
    chance = random.Random(0)
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(words, broken), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        for line in process.stdout:  # until it trains
            if b"training pictures" in line or b"Resumed" in line or b"step " in line:
                break
        time.sleep(chance.uniform(0.0, 1.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    subprocess.run(command(words, broken), env=environment, check=True, capture_output=True)
    recipe = tiny_recipe("cyclegan", toy_pairs)
    assert_equal(weights(Run(straight, recipe)), weights(Run(broken, recipe)))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_saves_and_leaves(name: str, toy_pairs: Path, tmp_path: Path) -> None:
    if not hasattr(signal, name):
        pytest.skip(f"there is no {name} on this system")
    words = [
        *tiny_words(toy_pairs, "training.log_every=1"),
        "training.steps=100000",
        "training.checkpoint_every=100000",
    ]
    environment, pipe = {**os.environ, "OMP_NUM_THREADS": "1"}, subprocess.PIPE
    before = signal.signal(getattr(signal, name), signal.SIG_DFL)  # these tests themselves may run under nohup
    process = subprocess.Popen(command(words, tmp_path / "run"), stdout=pipe, stderr=pipe, text=True, env=environment)
    signal.signal(getattr(signal, name), before)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step 3/"):
            break
    process.send_signal(getattr(signal, name))
    rest, told = process.communicate()
    assert told.strip() == "Stopping after this step, and saving. Once more stops at once and saves nothing."
    assert process.returncode == 130
    assert "Saved. The same command goes on from here" in rest
    assert len(list((tmp_path / "run" / "checkpoints").glob("*.safetensors"))) >= 1


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP on this system")
def test_a_terminal_that_closes_is_ignored_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    others = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    told: list[int] = []
    try:
        stop_on_signals(lambda: told.append(1))
        signal.raise_signal(signal.SIGHUP)
        assert told == []
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        stop_on_signals(lambda: told.append(1))
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)  # a second one is no wish to lose what is being saved
        assert told == [1]
    finally:
        for number, handler in {signal.SIGHUP: before, **others}.items():
            signal.signal(number, handler)


def unreadable_once(sample: Callable[..., Any], at: int) -> Callable[..., Any]:
    """As a dataset's ``sample``, but the ``at``-th picture cannot be read."""
    counted = itertools.count()

    def or_not(*words: Any) -> Any:
        if next(counted) == at:
            raise DiptychError("x.png is not there; was it moved or removed?")
        return sample(*words)

    return or_not


@pytest.mark.parametrize("at", [1, 9, 10, 11])
def test_a_picture_that_cannot_be_read_once(
    at: int, toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two updates of the discriminator of two batches each in a step: pictures 8 to 11 are those of the third."""
    words = (
        "training.discriminator_updates=2",
        "training.accumulate=2",
        "training.checkpoint_every=100",
        "data.workers=0",
    )
    recipe = tiny_recipe("pix2pix", toy_pairs, *words)
    straight, _ = run_to_end(recipe, tmp_path / "straight")
    with monkeypatch.context() as patch:
        patch.setattr("diptych.data.datasets.Pairs.sample", unreadable_once(Pairs.sample, at))
        with pytest.raises(DiptychError, match=r"x\.png is not there"):
            run_to_end(recipe, tmp_path / "broken")
    broken = Run(tmp_path / "broken", recipe)
    assert broken.saved_steps() == ([] if at == 1 else [2])
    assert broken.entries("events.jsonl")[-1]["words"].startswith("Failed: x.png")
    broken, said = run_to_end(recipe, broken.folder)
    assert ("Resumed at step 2 of 6." in said) == (at > 1)
    assert_equal(weights(straight), weights(broken))


@pytest.mark.parametrize("step", [3, 6])
def test_a_validation_that_fails_loses_nothing(
    step: int, toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made is saved, and the score made up for when the run goes on."""
    recipe = tiny_recipe("pix2pix", toy_pairs)
    straight, _ = run_to_end(recipe, tmp_path / "straight")
    plain = Validation.scores

    def scores(self: Validation, state: State, count: int) -> dict[str, float]:
        if watched == [step // 3]:
            raise DiptychError("y.png is not there.")
        watched[0] += 1
        return plain(self, state, count)

    watched = [1]
    with monkeypatch.context() as patch:
        patch.setattr(Validation, "scores", scores)
        with pytest.raises(DiptychError, match=r"y\.png"):
            run_to_end(recipe, tmp_path / "broken")
    assert Run(tmp_path / "broken", recipe).saved_steps()[-1] == step
    broken, _ = run_to_end(recipe, tmp_path / "broken")
    assert_equal(weights(straight), weights(broken))
    assert broken.entries("scores.jsonl") == straight.entries("scores.jsonl")
    assert broken.entries("events.jsonl")[-1]["words"] == "Complete: 6 steps."


def test_in_the_middle_of_a_step_nothing_is_saved(
    toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Pix2Pix.losses

    def losses(self: Pix2Pix, batch: Batch, step: int) -> Iterator[Losses]:
        for number, found in enumerate(plain(self, batch, step)):
            if number and step == 4:
                raise DiptychError("the weights of something are not here.")
            yield found

    monkeypatch.setattr(Pix2Pix, "losses", losses)
    recipe = tiny_recipe("pix2pix", toy_pairs)
    with pytest.raises(DiptychError, match="not here"):
        run_to_end(recipe, tmp_path / "run")
    assert Run(tmp_path / "run", recipe).saved_steps() == [3]
