"""Several processes of one run, started by torchrun on this machine's processor."""

from pathlib import Path

import pytest
import torch
from commanding import Typed
from several import INSTANCE, torchrun, words
from toys import DATA, TINY, assert_equal, draw_labelled, run_to_end, tiny_recipe, weights

from diptych.checkpoints import with_prefix
from diptych.systems import SYSTEMS
from diptych.training.run import Run

DUMP = """
import hashlib, sys
import diptych.training.loop as loop
plain = loop.train
def train(recipe, run, processes, watch, *rest):
    plain(recipe, run, processes, watch, *rest)
    digest = hashlib.sha256()
    for name, parameter in watch.state.system.named_parameters():
        digest.update(parameter.detach().contiguous().numpy().tobytes())
    run.folder.with_suffix(f".rank{processes.rank}").write_text(digest.hexdigest())
loop.train = train
"""


@pytest.mark.slow
def test_two_processes_equal_one_of_twice_the_batch(toy_pairs: Path, tmp_path: Path) -> None:
    two = torchrun(2, words(toy_pairs, "training.batch_size=2"), tmp_path / "two")
    assert two.returncode == 0, two.stdout + two.stderr
    assert "effective batch 4" in two.stdout
    assert two.stdout.count("Run folder") == 1  # one process speaks
    recipe = tiny_recipe("pix2pix", toy_pairs, *INSTANCE, "training.batch_size=4", "training.log_every=1")
    one, _ = run_to_end(recipe, tmp_path / "one")
    single, pair = weights(one), weights(Run(tmp_path / "two", recipe))
    compared = 0
    for name in [name.removeprefix("system.") for name in single if name.startswith("system.")]:
        moment = single[f"side.{name}.exp_avg"]
        if moment.abs().max() < 1e-5:
            continue  # a bias that the norm takes out: its gradient is all rounding, which Adam turns into full steps
        torch.testing.assert_close(
            pair[f"side.{name}.exp_avg"], moment, rtol=0.02, atol=0.02 * moment.abs().max().item()
        )
        assert (single[f"system.{name}"] - pair[f"system.{name}"]).abs().mean() < 2e-5, name
        compared += 1
    assert compared > 10
    logs = [Run(tmp_path / name, recipe).entries("log.jsonl") for name in ("one", "two")]
    assert logs[0][0]["generator.l1"] == pytest.approx(logs[1][0]["generator.l1"], rel=0.5)


@pytest.mark.slow
def test_both_end_with_the_same_weights_also_after_a_resumption(toy_pairs: Path, tmp_path: Path) -> None:
    running = ("options.norm=batch", "options.statistics=running", "training.statistics_pictures=8")
    arguments = words(toy_pairs, "training.average=0.9", "training.batch_size=2", *running)
    recipe = tiny_recipe("pix2pix", toy_pairs)
    assert torchrun(2, arguments, tmp_path / "run", DUMP).returncode == 0
    first = [(tmp_path / f"run.rank{rank}").read_text() for rank in (0, 1)]
    straight = weights(Run(tmp_path / "run", recipe))
    assert with_prefix("statistics.generator", straight)  # which the leading process computes alone
    Run(tmp_path / "run", recipe).path_of(6).unlink()
    again = torchrun(2, arguments, tmp_path / "run", DUMP)
    assert "Resumed at step 3" in again.stdout
    second = [(tmp_path / f"run.rank{rank}").read_text() for rank in (0, 1)]
    assert first[0] == first[1] == second[0] == second[1]
    assert_equal(straight, weights(Run(tmp_path / "run", recipe)))


KILL = """
import os
from diptych.training.monitoring.watch import Watch
plain = Watch.after
def after(watch, step, faults, entry):
    plain(watch, step, faults, entry)
    if step == 5:
        os._exit(9)
Watch.after = after
"""


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_killed_and_resumed_equals_never_stopped(system: str, toy_pairs: Path, tmp_path: Path) -> None:
    """Whatever a process remembers alone: pools, running statistics, styles. To the byte, of the files themselves."""
    recipe = tiny_recipe(system, toy_pairs, "training.average=0.9")
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    runs = [Run(tmp_path / name, recipe) for name in ("straight", "killed")]
    first = torchrun(2, [str(tmp_path / "recipe.toml")], runs[0].folder)
    assert first.returncode == 0, first.stdout + first.stderr
    assert torchrun(2, [str(tmp_path / "recipe.toml")], runs[1].folder, KILL).returncode != 0
    assert runs[1].saved_steps() == [3]
    second = torchrun(2, [str(tmp_path / "recipe.toml")], runs[1].folder)
    assert "Resumed at step 3 of 6." in second.stdout, second.stdout + second.stderr
    assert_equal(*(weights(run) for run in runs))
    assert runs[0].path_of(6).read_bytes() == runs[1].path_of(6).read_bytes()
    own = {name for name in weights(runs[0]) if name.startswith("process.1.system.")}
    if system == "cyclegan":
        assert sum(name.endswith(".images") for name in own) == 2
    if system == "pix2pix":
        assert any(name.endswith("running_var") for name in own)


@pytest.mark.slow
def test_another_number_of_processes_is_refused(toy_pairs: Path, tmp_path: Path, typed: Typed) -> None:
    assert torchrun(2, words(toy_pairs), tmp_path / "run").returncode == 0
    said = typed("train", *words(toy_pairs), "--out", tmp_path / "run")
    assert (said.code, said.out) == (2, "")
    assert "was trained by 2 processes, and this start has 1; start as many, or begin anew" in said.err
    assert f"training.init_from={tmp_path / 'run'}" in said.err


@pytest.mark.slow
@pytest.mark.parametrize("system", ["spade", "pix2pixhd"])
def test_systems_with_statistics_and_styles_stay_together(system: str, tmp_path: Path) -> None:
    """Statistics over processes, spectral vectors and remembered styles: the weights agree on both all the same."""
    labelled = draw_labelled(tmp_path / "data")
    kind = 'data.source={colour="labels",classes=3,instances=true,palette=[]}'
    style = "options.style=8" if system == "spade" else "options.features=3"
    lengths = ["training.epochs=0", "training.steps=4", "training.precision=float32", "training.batch_size=2"]
    words = [*TINY[system], *DATA[system], "data.palette=[]", kind, style, *lengths, f"data.folder={labelled}"]
    done = torchrun(2, [f"{system}", *words], tmp_path / "run", DUMP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "run.rank0").read_text() == (tmp_path / "run.rank1").read_text()
