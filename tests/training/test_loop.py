"""What a whole run does: its beginning, its length, what it leaves."""

from pathlib import Path

import pytest
import torch
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych.checkpoints import load
from diptych.errors import DiptychError, UsageError
from diptych.recipe import Recipe, TrainingSettings
from diptych.training.processes import fast_precision
from diptych.training.schedule import length


def test_one_seed_decides_everything(toy_pairs: Path, tmp_path: Path) -> None:
    runs = [
        run_to_end(tiny_recipe("pix2pix", toy_pairs, f"training.seed={seed}"), tmp_path / str(number))[0]
        for number, seed in enumerate((1, 1, 2))
    ]
    assert_equal(weights(runs[0]), weights(runs[1]))
    with pytest.raises(AssertionError):
        assert_equal(weights(runs[0]), weights(runs[2]))


def test_steps_and_epochs_whichever_ends_first() -> None:
    assert length(TrainingSettings(steps=100), 30) == 100
    assert length(TrainingSettings(epochs=2.5), 30) == 75
    assert length(TrainingSettings(epochs=2.5, steps=100), 30) == 75
    assert length(TrainingSettings(epochs=4, steps=100), 30) == 100


def test_auto_is_what_the_hardware_does_fast() -> None:
    assert fast_precision(torch.device("cpu")) in ("float32", "bfloat16")
    assert fast_precision(torch.device("meta")) == "float32"


def test_a_device_that_is_not_there_is_named(toy_pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r'training\.device is "warp", which is not to be had here'):
        run_to_end(tiny_recipe("pix2pix", toy_pairs, "training.device=warp"), tmp_path / "run")


def test_starting_from_another_run(toy_pairs: Path, tmp_path: Path) -> None:
    first, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "first")
    still = "training.learning_rate={generator=0.0, discriminator=0.0}"
    words = (f"training.init_from={first.folder}", "training.seed=5", still, "training.average=0.9")
    second, said = run_to_end(tiny_recipe("pix2pix", toy_pairs, *words), tmp_path / "second")
    count = len([name for name in weights(first) if name.startswith("system.")])
    assert any(f"{count} of {count} tensors taken" in line for line in said)
    was, now = weights(first), weights(second)
    assert all(torch.equal(was[name], now[name]) for name in was if name.startswith("system.") and "weight" in name)

    deeper = (f"training.init_from={first.path_of(6)}", "options.discriminator_layers=2")
    third, said = run_to_end(tiny_recipe("pix2pix", toy_pairs, *deeper), tmp_path / "third")
    assert any("of another shape" in line and "not in it" in line for line in said)
    assert load(third.path_of(6)).tensors


def test_starting_from_what_does_not_fit(toy_pairs: Path, tmp_path: Path) -> None:
    first, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "first")
    nowhere = tiny_recipe("pix2pix", toy_pairs, "training.init_from=nowhere")
    with pytest.raises(DiptychError, match="init_from=nowhere: there is no such weights file"):
        run_to_end(nowhere, tmp_path / "second")
    other = ("options.width=5", "options.discriminator_width=5", "data.target.colour=grey")
    unfit = tiny_recipe("pix2pix", toy_pairs, f"training.init_from={first.folder}", *other)
    with pytest.raises(DiptychError, match="none of its weights fits"):
        run_to_end(unfit, tmp_path / "third")


def test_what_a_run_leaves(toy_pairs: Path, tmp_path: Path) -> None:
    run, said = run_to_end(tiny_recipe("pix2pix", toy_pairs, "training.tensorboard=true"), tmp_path / "run")
    assert {path.name for path in run.folder.iterdir()} >= {
        "recipe.toml",
        "card.json",
        "log.jsonl",
        "scores.jsonl",
        "checkpoints",
    }
    assert (run.folder / "pictures" / "00000006.png").is_file()
    assert list((run.folder / "tensorboard").iterdir())
    log = run.entries("log.jsonl")
    assert [entry["step"] for entry in log] == [2, 4, 6]
    assert log[0].keys() >= {
        "generator.l1",
        "discriminator.adversarial",
        "discriminator.accuracy",
        "waiting_for_data",
        "steps_per_second",
    }
    scores = {"step", "l1", "psnr", "ssim", "l1_inverted", "change", "diversity"}
    assert run.entries("scores.jsonl")[0].keys() == scores
    assert any(line.startswith("step 6/6") and "steps/s" in line and "data" in line and "left" in line for line in said)
    assert sorted(path.name for path in run.checkpoint_folder.iterdir()) == [
        "00000003.safetensors",
        "00000006.safetensors",
        "best.safetensors",
    ]


def test_a_recipe_is_a_value() -> None:
    recipe = tiny_recipe("pix2pix", Path("unused"))
    assert Recipe.from_table(recipe.to_table(), recipe.name) == recipe


def test_a_window_of_the_log_in_which_the_system_changes(toy_pairs: Path, tmp_path: Path) -> None:
    words = ("options.pretrain_steps=3", "training.log_every=2")
    run, _ = run_to_end(tiny_recipe("srgan", toy_pairs, *words), tmp_path / "run")
    lines = {line["step"]: line for line in run.entries("log.jsonl")}
    assert "discriminator.adversarial" not in lines[2]
    assert "discriminator.adversarial" in lines[4]
