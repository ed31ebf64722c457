"""``diptych train``, and going on with a run."""

import errno
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from commanding import Typed, full, names, refused, tiny_words
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych.checkpoints import load
from diptych.checkpoints import save as save_checkpoint
from diptych.recipe import read
from diptych.training import loop
from diptych.training.run import Run, read_recipe
from diptych.translator.card import read_cards


def test_train_resume_and_translate(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    said = typed("train", "pix2pix", *tiny_words(toy_pairs))
    assert said.code == 0, said
    assert "Run folder: runs/pix2pix" in said.out
    assert "12 train, 4 val" in said.out
    assert "Done: runs/pix2pix. Translate with: diptych translate runs/pix2pix" in said.out
    said = typed("train", "pix2pix", *tiny_words(toy_pairs), "--no-check")
    assert said.code == 0
    assert "The run is complete: 6 steps." in said.out
    said = typed("train", "pix2pix", *tiny_words(toy_pairs, "options.l1=7"))
    assert said.code == 2
    assert "options.l1 was 100.0 and is now 7.0" in said.err
    assert typed("translate", "runs/pix2pix", toy_pairs / "val", "--out", "out").code == 0
    assert names(tmp_path / "out") == [".diptych-translate.json", "0.png", "1.png", "2.png", "3.png"]


def test_a_run_goes_on_by_its_folder(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    assert typed("train", "pix2pix", *tiny_words(toy_pairs), "--out", "run").code == 0
    said = typed("train", "run", "training.steps=9", "training.keep=3", "--no-check")
    assert said.code == 0, said.err
    assert "Resumed at step 6 of 9." in said.out
    assert "The run had 6 steps and has 9 now; the 6 steps made had the rates of a run of that length." in said.out
    assert read_recipe(tmp_path / "run").training.steps == 9
    assert read_cards(tmp_path / "run" / "card.json")["a-to-b"].provenance["recipe"] == "pix2pix"
    straight, _ = run_to_end(read("pix2pix", tiny_words(toy_pairs, "training.steps=9")), tmp_path / "straight")
    assert_equal(weights(straight), weights(Run(tmp_path / "run", straight.recipe)))
    assert typed("train", "./run", "--out", "run", "--no-check").code == 0


def test_a_profile_is_spelt_in_either_way(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    said = typed("train", "pix2pix", "--profile", "small", *tiny_words(toy_pairs))
    assert (said.code, "Done: runs/pix2pix-small." in said.out) == (0, True), said
    said = typed("train", "pix2pix-small", *tiny_words(toy_pairs), "--no-check")
    assert (said.code, "The run is complete: 6 steps." in said.out) == (0, True), said
    stored = read_recipe(tmp_path / "runs" / "pix2pix-small")
    assert (stored.options.upsample, stored.options.statistics, stored.training.batch_size) == ("resize", "running", 8)
    whole = tomllib.loads((tmp_path / "runs" / "pix2pix-small" / "recipe.toml").read_text())
    assert whole.keys() == {"system", "options", "data", "training"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "options.l1=7"], 2, "options.l1 was 100.0 and is now 7.0"),
        (["run", "training.stepps=7"], 2, 'did you mean "steps"'),
        (
            ["run", "training.steps=4"],
            2,
            "the run stands at step 6, and training.steps and training.epochs end it at 4",
        ),
        (["run", "training.epochs=0.25"], 2, "end it at 3; give 6 steps or more"),
        (["run", "training.epochs=9"], 2, "training.steps=6 ends the run at step 6; set training.steps=0 too"),
        (["run", "--out", "other"], 2, "leave --out away"),
        (["run", "--profile", "small"], 2, "keeps the settings it began with; leave --profile away"),
        (["run", "--resume"], 2, "--resume is not needed: the same command goes on"),
        (["--resume", "run"], 2, "--resume is not needed"),
        (["pix2pix", "--resume", "run"], 2, "diptych train RUN_FOLDER"),
    ],
)
def test_a_run_does_not_go_on_as_another(
    words: list[str], code: int, said: str, toy_pairs: Path, typed: Typed, tmp_path: Path
) -> None:
    run_to_end(read("pix2pix", tiny_words(toy_pairs)), tmp_path / "run")
    before = {name: (tmp_path / "run" / name).read_bytes() for name in ("recipe.toml", "events.jsonl", "card.json")}
    answer = typed("train", *words)
    refused(answer, code, said)
    assert answer.out == "", "a refusal is all that is said"
    assert before == {name: (tmp_path / "run" / name).read_bytes() for name in before}


def test_a_run_from_a_file_of_one_s_own(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(tiny_recipe("pix2pix", toy_pairs).to_toml())
    assert typed("train", "mine.toml").code == 0
    assert (tmp_path / "runs" / "mine" / "card.json").is_file()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_vanishes_while_training(
    workers: int, toy_pairs: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = loop.prepare

    def then_remove(*words: Any, **more: Any) -> Any:
        prepared = plain(*words, **more)
        (toy_pairs / "train" / "7.png").unlink(missing_ok=True)
        return prepared

    monkeypatch.setattr("diptych.training.loop.prepare", then_remove)
    words = tiny_words(toy_pairs, "data.cache_gib=0", f"data.workers={workers}", "training.steps=30")
    said = typed("train", "pix2pix", *words)
    refused(said, 1, "train/7.png is not there")
    assert "No problems found" in said.out  # it was there when the folder was looked over
    run = Run(tmp_path / "runs" / "pix2pix", tiny_recipe("pix2pix", toy_pairs))
    for step in run.saved_steps():
        weights(run, step)


def test_the_check_refuses_what_training_would_end_on(toy_pairs: Path, typed: Typed) -> None:
    (toy_pairs / "train" / "7.png").write_bytes(b"dear diary")
    said = typed("train", "pix2pix", *tiny_words(toy_pairs))
    refused(said, 1, "1 of 16 examples cannot be trained on", "--no-check")
    assert "train/7.png is no picture that can be read" in said.out


def test_after_a_refused_check_the_recipe_may_be_changed(toy_pairs: Path, typed: Typed) -> None:
    """Nothing was trained, so nothing binds: another value must not be refused as another recipe."""
    (toy_pairs / "train" / "7.png").write_bytes(b"dear diary")
    assert typed("train", "pix2pix", *tiny_words(toy_pairs)).code == 1
    (toy_pairs / "train" / "7.png").unlink()
    said = typed("train", "pix2pix", *tiny_words(toy_pairs, "options.l1=7"))
    assert said.code == 0, said.err


@pytest.mark.parametrize(
    ("folder", "more", "code", "words"),
    [
        ("nowhere", [], 1, 'there is no folder or data set "nowhere"'),
        ("nowhere", ["training.precision=tf32", "training.device=cpu"], 2, "training.precision is tf32"),
        ("pairs", ["training.batch_size=500"], 2, "training.batch_size is 500"),
        ("pairs", ["training.init_from=elsewhere"], 1, "elsewhere"),
    ],
    ids=["no data", "before the data are looked for", "after them", "weights"],
)
def test_a_refused_start_leaves_nothing_behind(
    folder: str, more: list[str], code: int, words: str, toy_pairs: Path, typed: Typed, tmp_path: Path
) -> None:
    said = typed(
        "train", "pix2pix", *tiny_words(toy_pairs if folder == "pairs" else Path(folder), *more), "--out", "run"
    )
    refused(said, code, words)
    assert said.out == ""
    assert not (tmp_path / "run").exists()


def test_a_run_of_more_processes_is_refused_before_anything_is_said(
    toy_pairs: Path, typed: Typed, tmp_path: Path
) -> None:
    run, _ = run_to_end(read("pix2pix", tiny_words(toy_pairs)), tmp_path / "run")
    whole = load(run.path_of(6))
    save_checkpoint(run.path_of(6), whole.tensors, whole.facts | {"processes": 2})
    said = typed("train", "run", "training.steps=9")
    refused(said, 2, "was trained by 2 processes, and this start has 1", "training.init_from=run")
    assert said.out == ""


def test_a_folder_with_anything_of_one_s_own_stays(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    refused(typed("train", "pix2pix", *tiny_words(Path("nowhere")), "--out", "run"), 1, "is not empty and holds no run")
    assert names(tmp_path / "run") == ["notes.txt"]


@pytest.mark.parametrize("own", [[], ["recipe.toml"], ["recipe.toml", "notes.txt"]], ids=["empty", "recipe", "more"])
def test_a_refused_start_takes_away_only_what_it_made(own: list[str], typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in own:
        (tmp_path / "run" / name).write_text('system = "pix2pix"\n')
    refused(typed("train", "pix2pix", *tiny_words(Path("nowhere")), "--out", "run"), 1, "nowhere")
    assert set(names(tmp_path / "run")) - {".lock"} == set(own)


def test_a_file_in_the_place_of_the_run_folder(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for place in ("taken", "taken/below"):
        said = typed("train", "pix2pix", *tiny_words(toy_pairs), "--out", place)
        refused(said, 1, f"the run folder {place} cannot be written", "name another with --out")


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write everywhere")
def test_a_run_folder_that_is_read_only(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir(mode=0o555)
    refused(typed("train", "pix2pix", *tiny_words(toy_pairs), "--out", "taken"), 1, "cannot be written")


@pytest.mark.parametrize("blocked", ["checkpoints", "pictures", "log.jsonl", "scores.jsonl", "card.json"])
def test_something_in_the_way_inside_the_run_folder(
    blocked: str, toy_pairs: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where a folder belongs, and a folder where a file belongs; it appears after the run was begun."""
    plain = loop.prepare

    def then_block(*words: Any, **more: Any) -> Any:
        place = tmp_path / "runs" / "pix2pix" / blocked
        if not place.exists():
            (place / "x").mkdir(parents=True) if "." in blocked else place.write_text("a file")
        return plain(*words, **more)

    monkeypatch.setattr("diptych.training.loop.prepare", then_block)
    said = typed("train", "pix2pix", *tiny_words(toy_pairs))
    refused(said, 1, blocked)


@pytest.mark.parametrize("where", ["fsync", "save_file", "log"])
def test_a_full_disk_leaves_the_previous_checkpoint_whole(
    where: str, toy_pairs: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tiny_words(toy_pairs, "--no-check")
    straight, _ = run_to_end(read("pix2pix", words[:-1]), tmp_path / "straight")
    saves: list[int] = []
    plain = Run.save

    def fill_up(self: Run, step: int, *rest: Any) -> None:
        if not saves:
            plain(self, step, *rest)
            saves.append(step)
            if where == "log":
                patch.setattr(Run, "append", open_full)
            else:
                patch.setattr(*((os, "fsync", full) if where == "fsync" else ("safetensors.torch.save_file", full)))
            return
        plain(self, step, *rest)

    def open_full(self: Run, name: str, entry: Any) -> None:
        from diptych.errors import DiptychError

        try:
            full()
        except OSError as problem:
            raise DiptychError(f"{self.folder / name} cannot be written: {problem.strerror}; make room.") from None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "save", fill_up)
        said = typed("train", "pix2pix", *words)
    refused(said, 1, "cannot be written", os.strerror(errno.ENOSPC))
    assert saves == [3]
    run = Run(tmp_path / "runs" / "pix2pix", read("pix2pix", words[:-1]))
    kept = [3, 4] if where == "log" else [3]  # where the disk takes a checkpoint still, it is saved before the end
    assert run.saved_steps() == kept
    assert_equal(weights(run, 3), weights(straight, 3))
    assert [path.name for path in run.folder.rglob("*.part*")] == []
    said = typed("train", "pix2pix", *words)  # there is room again
    assert said.code == 0
    assert f"Resumed at step {kept[-1]} of 6" in said.out
    assert_equal(weights(run), weights(straight))
