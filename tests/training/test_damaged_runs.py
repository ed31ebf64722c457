"""Damaged checkpoints, logs and recipes of a run: what is passed over, what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych import checkpoints
from diptych.errors import DiptychError
from diptych.training.run import Run, read_recipe


def test_a_damaged_newest_checkpoint_falls_back(toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs)
    run, _ = run_to_end(recipe, tmp_path / "run")
    whole = weights(run)
    data = bytearray(run.path_of(6).read_bytes())
    data[-5] ^= 1
    run.path_of(6).write_bytes(bytes(data))
    run, said = run_to_end(recipe, tmp_path / "run")
    assert any("damaged" in line and "Falling back" in line for line in said)
    assert_equal(whole, weights(run))


def test_a_folder_with_something_else_is_refused(toy_pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("irreplaceable")
    with pytest.raises(DiptychError, match="is not empty and holds no run"):
        run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "thesis")


ODD = b'{"step": 2, "l\xff\n[1, 2]\n{"l1": 0.5, "kind": "end"}\n{"step": "2", "kind": 5}\n7\n' + b"[" * 100_000 + b"\n{"


def test_damaged_logs_do_not_stop_a_whole_checkpoint(toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs)
    straight, _ = run_to_end(recipe, tmp_path / "straight")
    broken, _ = run_to_end(recipe, tmp_path / "broken")
    broken.path_of(6).unlink()
    for name in ("log.jsonl", "scores.jsonl", "events.jsonl", "faults.jsonl"):
        with open(broken.folder / name, "ab") as file:
            file.write(ODD)
    run_to_end(recipe, broken.folder)
    assert_equal(weights(straight), weights(broken))
    assert broken.entries("scores.jsonl") == straight.entries("scores.jsonl")
    assert b"\xff" not in (broken.folder / "log.jsonl").read_bytes()


def rewritten(run: Run, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """The newest checkpoint with other contents and a right checksum."""
    found = checkpoints.load(run.path_of(6))
    tensors = {name: tensor.clone() for name, tensor in found.tensors.items()}
    facts: dict[str, Any] = dict(found.facts)
    change(tensors, facts)
    checkpoints.save(run.path_of(6), tensors, facts)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, facts: facts.pop("step"),
        lambda tensors, facts: facts.pop("faults"),
        lambda tensors, facts: facts.update(step=5),
        lambda tensors, facts: facts.update(faults="none"),
        lambda tensors, facts: facts.clear(),
    ],
)
def test_a_checkpoint_that_does_not_say_what_it_is(change: Any, toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs)
    run, _ = run_to_end(recipe, tmp_path / "run")
    whole = weights(run)
    rewritten(run, change)
    run, said = run_to_end(recipe, run.folder)
    assert any("does not say what it is" in line and "Falling back" in line for line in said)
    assert_equal(whole, weights(run))


FIRST = "system.generator.down.0.0.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors, facts: tensors.pop(FIRST), f"{FIRST} is missing"),
        (
            lambda tensors, facts: tensors.update({FIRST: torch.zeros(1)}),
            rf"{FIRST} is \(1,\) of torch.float32, and this run's",
        ),
        (lambda tensors, facts: tensors.update({FIRST: tensors[FIRST].long()}), "of torch.int64, and this run's"),
        (lambda tensors, facts: tensors.update({"system.a": torch.zeros(1)}), "system.a is none of this run's tensors"),
        (lambda tensors, facts: tensors.pop(FIRST.replace("system", "side") + ".exp_avg"), "exp_avg is missing"),
        (lambda tensors, facts: tensors.pop(FIRST.replace("system", "average")), "average.* is missing"),
        (lambda tensors, facts: tensors.clear(), "is missing"),
    ],
)
def test_a_checkpoint_of_other_tensors_is_refused(change: Any, words: str, toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs, "training.average=0.9")
    run, _ = run_to_end(recipe, tmp_path / "run")
    rewritten(run, change)
    with pytest.raises(DiptychError, match=f"00000006.safetensors is no checkpoint of this run: .*{words}"):
        run_to_end(recipe, run.folder)


@pytest.mark.parametrize(
    "text", ["system = [1]", "= 5", "a = " + "[" * 5000, '[data]\nfolder = 5\nsystem = "pix2pix"', "\x00"]
)
def test_a_damaged_recipe_of_a_run(text: str, toy_pairs: Path, tmp_path: Path) -> None:
    run, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    (run.folder / "recipe.toml").write_text(text)
    with pytest.raises(DiptychError, match=r"recipe\.toml (cannot be read|is damaged, or of another version): "):
        read_recipe(run.folder)
    with pytest.raises(DiptychError, match=r"recipe\.toml"):
        run_to_end(run.recipe, run.folder)
