"""Callbacks: what they are told, when, and that they may stop a run or fail."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from several import both
from toys import assert_equal, draw_pairs, tiny_recipe, weights

import diptych
from diptych.recipe import Recipe
from diptych.training.run import Run
from diptych.training.trainer import Trainer

FIRST = ["training.log_every=1", "training.picture_every=3"]


class Telling(diptych.Callback):
    """Keeps what it is told; at a place it asks to stop, or fails."""

    def __init__(self, stop: tuple[str, int] | None = None, fail: tuple[str, int] | None = None) -> None:
        self.told: list[tuple[str, int, Any]] = []
        self.at_stop, self.at_failure = stop, fail

    def note(self, what: str, training: diptych.Training, step: int, fact: Any = None) -> None:
        self.told.append((what, step, fact))
        if (what, step) == self.at_stop:
            training.stop("enough")
        if (what, step) == self.at_failure:
            raise ZeroDivisionError("mine")

    def on_start(self, training: diptych.Training, step: int) -> None:
        assert training.steps == 6
        assert isinstance(training.system, diptych.System)
        self.note("start", training, step)

    def on_step(self, training: diptych.Training, step: int, losses: Any) -> None:
        self.note("step", training, step, losses)

    def on_log(self, training: diptych.Training, step: int, means: Any) -> None:
        self.note("log", training, step, means)

    def on_validation(self, training: diptych.Training, step: int, scores: Any) -> None:
        self.note("validation", training, step, scores)

    def on_pictures(self, training: diptych.Training, step: int, grid: np.ndarray) -> None:
        assert grid.dtype == np.uint8
        self.note("pictures", training, step, grid.shape)

    def on_checkpoint(self, training: diptych.Training, step: int, path: Path) -> None:
        assert path.is_file()
        self.note("checkpoint", training, step, path.name)

    def on_end(self, training: diptych.Training, step: int, reason: str) -> None:
        self.note("end", training, step, reason)

    def order(self) -> list[str]:
        return [f"{what} {step}" for what, step, _ in self.told]

    def facts(self, what: str) -> list[Any]:
        return [fact for told, _, fact in self.told if told == what]


def recipe_of(pairs: Path) -> Recipe:
    return tiny_recipe("pix2pix", pairs, *FIRST)


def test_what_callbacks_are_told(toy_pairs: Path, tmp_path: Path) -> None:
    telling = Telling()
    run = diptych.train(recipe_of(toy_pairs), tmp_path / "run", callbacks=[telling, diptych.Callback()])
    three = ["pictures", "validation", "checkpoint"]
    expected = ["start 0"]
    for step in range(1, 7):
        expected += [f"step {step}", f"log {step}"] + [f"{what} {step}" for what in three if step % 3 == 0]
    assert telling.order() == [*expected, "end 6"]
    for losses, means, line in zip(telling.facts("step"), telling.facts("log"), run.entries("log.jsonl"), strict=True):
        assert line == {"step": line["step"], **means}
        assert losses == {name: value for name, value in means.items() if "." in name}
        assert {"generator.l1", "discriminator.accuracy", "generator.gradient"} <= losses.keys()
    assert run.entries("scores.jsonl") == [
        {"step": step, **scores} for step, scores in zip((3, 6), telling.facts("validation"), strict=True)
    ]
    assert telling.facts("checkpoint") == ["00000003.safetensors", "00000006.safetensors"]
    assert telling.facts("end") == ["Complete: 6 steps."]
    plain = diptych.train(recipe_of(toy_pairs), tmp_path / "plain")
    assert_equal(weights(plain), weights(run))


@pytest.mark.parametrize(
    ("stop", "saved"),
    [
        (("step", 2), 2),
        (("log", 2), 3),
        (("pictures", 3), 3),
        (("validation", 3), 3),
        (("checkpoint", 3), 4),
        (("start", 0), 1),
        (("step", 6), 6),
    ],
)
def test_stopped_by_a_callback_and_resumed_equals_never_stopped(
    stop: tuple[str, int], saved: int, toy_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, telling = recipe_of(toy_pairs), Telling(stop)
    run = diptych.train(recipe, tmp_path / "run", callbacks=[telling])
    said = capsys.readouterr().out
    assert run.saved_steps()[-1] == saved
    assert "Stopped by a callback (enough)" in said
    if saved < 6:
        assert telling.facts("end") == ["Stopped by a callback (enough) and saved."]
        assert run.entries("events.jsonl")[-1]["words"] == "Stopped by a callback (enough) and saved."
        assert f"Saved. The same call goes on from here: {run.folder}" in said
    again = Telling()
    resumed = diptych.train(recipe, tmp_path / "run", callbacks=[again])
    straight = diptych.train(recipe, tmp_path / "straight")
    assert_equal(weights(straight), weights(resumed))
    assert again.order()[0] == f"start {saved}"
    assert again.facts("end") == ["Complete: 6 steps."]


@pytest.mark.parametrize("fail", [("step", 2), ("log", 4), ("validation", 3), ("checkpoint", 3), ("end", 6)])
def test_an_error_of_a_callback_is_its_own_and_the_state_is_saved(
    fail: tuple[str, int], toy_pairs: Path, tmp_path: Path
) -> None:
    recipe, telling = recipe_of(toy_pairs), Telling(fail=fail)
    with pytest.raises(ZeroDivisionError, match="mine") as raised:
        diptych.train(recipe, tmp_path / "run", callbacks=[telling])
    assert raised.traceback[-1].name == "note"
    run = Run(tmp_path / "run", recipe)
    assert run.saved_steps()[-1] == fail[1]
    if fail[0] != "end":
        assert run.entries("events.jsonl")[-1]["words"] == "Failed: mine"
        assert telling.facts("end") == []
    resumed = diptych.train(recipe, tmp_path / "run")
    straight = diptych.train(recipe, tmp_path / "straight")
    assert_equal(weights(straight), weights(resumed))


def test_where_numbers_are_read_late_every_step_is_told_once(
    toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: a step's numbers are there when the next has been launched, or where something is due."""
    plain = Trainer.begin_anew

    def late(trainer: Trainer) -> None:
        plain(trainer)
        trainer.reads_late = True

    at_once, awaited = Telling(), Telling()
    recipe = tiny_recipe("pix2pix", toy_pairs, "training.log_every=6")
    diptych.train(recipe, tmp_path / "once", callbacks=[at_once])
    monkeypatch.setattr(Trainer, "begin_anew", late)
    diptych.train(recipe, tmp_path / "late", callbacks=[awaited])
    assert awaited.facts("step") == at_once.facts("step")
    assert [told for told in awaited.order() if "step" in told] == [f"step {step}" for step in range(1, 7)]
    stopped = diptych.train(recipe, tmp_path / "stopped", callbacks=[Telling(("step", 1))])
    assert stopped.saved_steps() == [2]


SCRIPT = """
import os, pathlib, sys
sys.path[:0] = {paths!r}
import diptych
from toys import tiny_recipe

class Stop(diptych.Callback):
    def on_step(self, training, step, losses):
        (here / f"told.{{os.environ['RANK']}}").touch()
        if step == 2:
            training.stop()

here = pathlib.Path({folder!r})
run = diptych.train(tiny_recipe("pix2pix", here / "pairs"), here / "run", callbacks=[Stop()])
print("stands at", run.saved_steps())
"""


@pytest.mark.slow
def test_one_process_is_told_and_all_stop(tmp_path: Path) -> None:
    draw_pairs(tmp_path / "pairs")
    tests = Path(__file__).parents[2]
    ended = both(SCRIPT.format(paths=[str(tests)], folder=str(tmp_path)), tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("stands at [3]") == 2  # asked in step 2, heard by all in step 3
    assert ended.stdout.count("Stopped by a callback") == 1
    assert (tmp_path / "told.0").exists()
    assert not (tmp_path / "told.1").exists()
