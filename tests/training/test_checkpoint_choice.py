"""Commands say which checkpoint of a run they take, and name a better one where the run knows it."""

import json
from pathlib import Path

import pytest
import torch
from commanding import Typed, tiny_words
from toys import tiny_recipe

from diptych import checkpoints
from diptych.training.checkpoint_choice import checkpoint_note
from diptych.training.run import Run
from diptych.translator.card import read_cards


@pytest.fixture
def run(toy_pairs: Path, tmp_path: Path) -> Run:
    """Checkpoints of steps 3 and 6, the best of step 3 by psnr."""
    with Run(tmp_path / "run", tiny_recipe("pix2pix", toy_pairs)) as run:
        for step, value in ((3, 12.5), (6, 12.25)):
            run.save(step, {"system.x": torch.zeros(1)}, {"faults": 0})
            run.append("scores.jsonl", {"step": step, "psnr": value})
        run.save_best(3, {"system.x": torch.zeros(1)}, "psnr", 12.5)
    return run


def test_the_better_one_is_named(run: Run) -> None:
    better = "That of step 3 is better by psnr (12.5000, here 12.2500): --checkpoint best takes it."
    assert checkpoint_note(run.folder, "latest") == f"Checkpoint of step 6. {better}"
    assert checkpoint_note(run.folder, "6") == f"Checkpoint of step 6. {better}"
    assert checkpoint_note(run.folder, "3") == "Checkpoint of step 3."
    assert checkpoint_note(run.folder, "best") == "Checkpoint best, of step 3: psnr 12.5000."


@pytest.mark.parametrize("score", ["l1", "psnr"])
def test_better_is_lower_for_errors_and_higher_for_likeness(score: str, run: Run) -> None:
    run.append("scores.jsonl", {"step": 6, "psnr": 13.0, "l1": 0.5})
    run.save_best(3, {"system.x": torch.zeros(1)}, score, {"l1": 0.25, "psnr": 12.5}[score])
    assert ("is better" in checkpoint_note(run.folder, "latest")) == (score == "l1")


@pytest.mark.parametrize(
    "facts", [{}, {"step": "x"}, {"step": 3, "score": 5}, {"step": 3, "score": "psnr", "value": "high"}]
)
def test_a_best_one_that_tells_nothing_is_not_named(facts: dict[str, str], run: Run) -> None:
    checkpoints.save(run.path_of("best"), {"system.x": torch.zeros(1)}, facts)
    assert checkpoint_note(run.folder, "latest") == "Checkpoint of step 6."
    assert checkpoint_note(run.folder, "best") == "Checkpoint best."


def test_without_a_score_of_its_own(run: Run) -> None:
    (run.folder / "scores.jsonl").write_bytes(b'\xff{"step": 6\n[]\n{"psnr": 1}\n')
    assert "is better by psnr (12.5000): --checkpoint best" in checkpoint_note(run.folder, "latest")
    run.path_of("best").unlink()
    assert checkpoint_note(run.folder, "latest") == "Checkpoint of step 6."


def test_every_command_that_takes_one_says_so(
    toy_pairs: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed("train", "pix2pix", *tiny_words(toy_pairs), "--out", "run", "--no-check").code == 0
    with open(tmp_path / "run" / "scores.jsonl", "a") as file:
        file.write(json.dumps({"step": 6, "l1": 5.0}) + "\n")
    picture = sorted((toy_pairs / "val").iterdir())[0]
    said = typed("translate", "run", picture, "--out", "out.png")
    assert "Checkpoint of step 6." in said.out
    assert said.out.count("--checkpoint best") <= 1
    said = typed("export", "run", "--to", "model", "--out", "model", "--checkpoint", "best")
    assert "Checkpoint best, of step" in said.out
    facts = read_cards(tmp_path / "model" / "card.json")["a-to-b"].provenance
    step = int(facts["checkpoint"])
    assert f"of step {step}:" in said.out
    assert facts["scores"]["step"] == step
    assert "Checkpoint" not in typed("translate", "model", picture, "--out", "other.png").out
