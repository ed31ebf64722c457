"""``diptych translate`` where something cannot be read, written or had: it is said, and the other pictures are done."""

import os
import re
import shutil
from pathlib import Path

import pytest
from commanding import Typed, full, names, refused, results, save
from damaged import huge_png

BAD = {
    "cut.png": huge_png(4, 4)[:40],
    "empty.png": b"",
    "huge.png": huge_png(20000, 20000),
    "text.jpg": b"dear diary, today",
}


@pytest.mark.parametrize("batch", ["1", "3"])
def test_what_cannot_be_read_is_listed_and_the_others_done(batch: str, run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a", "d", "z"):
        save(tmp_path / "in" / f"{name}.png")
    for name, data in BAD.items():
        (tmp_path / "in" / name).write_bytes(data)
    said = typed("translate", run, "in", "--out", "out", "--batch", batch)
    assert said.code == 1
    assert "3 of 7 pictures translated" in said.out
    assert results(tmp_path / "out") == ["a.png", "d.png", "z.png"]
    lines = said.err.splitlines()
    assert all(line.startswith("not done: in/") for line in lines)
    assert sorted(line.split()[2].removeprefix("in/") for line in lines) == sorted(BAD)


def test_a_result_that_cannot_be_written_leaves_the_others_done(run: Path, typed: Typed, tmp_path: Path) -> None:
    """A folder stands where a result would be; the pictures of its batch are done all the same."""
    for name in ("a", "b", "c"):
        save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "out" / "a.png" / "in the way").mkdir(parents=True)
    said = typed("translate", run, "in", "--out", "out", "--batch", "3", "--overwrite")
    assert said.code == 1
    assert [line for line in said.err.splitlines() if "out/a.png" in line]
    assert results(tmp_path / "out") == ["b.png", "c.png"]
    assert "2 of 3 pictures translated" in said.out


def test_a_file_in_the_place_of_one_folder_leaves_the_others_done(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a.png", "deep/b.png", "z.png"):
        save(tmp_path / "in" / name)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").write_text("a file")
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert [name for name in results(tmp_path / "out") if name != "deep"] == ["a.png", "z.png"]
    assert [line for line in said.err.splitlines() if "out/deep" in line]


def test_a_file_in_the_place_of_the_output_folder(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    (tmp_path / "out").write_text("a file")
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert "out" in said.err
    assert (tmp_path / "out").read_text() == "a file"


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write everywhere")
def test_an_output_folder_that_is_read_only(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    (tmp_path / "out").mkdir(mode=0o555)
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert "out" in said.err


def test_options_for_other_translators_are_refused(run: Path, typed: Typed, tmp_path: Path) -> None:
    refused(typed("translate", run, tmp_path, "--out", "o", "--mask", tmp_path), 2, "--mask is for inpainting")
    refused(
        typed("translate", run, tmp_path, "--out", "o", "--instances", tmp_path), 2, "--instances is for class maps"
    )
    refused(
        typed("translate", run, tmp_path, "--out", "o", "--tile", 100), 2, "--tile is 100, too small", "give 256 or"
    )


def test_a_card_of_odd_values_is_a_sentence(run: Path, typed: Typed, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "odd")
    card = tmp_path / "odd" / "card.json"
    card.write_text(re.sub(r'"multiple": \d+', '"multiple": "x"', card.read_text()))
    refused(
        typed("translate", tmp_path / "odd", tmp_path, "--out", "o"),
        1,
        "\"multiple\" must be a whole number, not 'x'",
        "export or copy",
    )


def test_a_full_disk_while_translating(
    run: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "in" / "a.png")
    monkeypatch.setattr(os, "fsync", full)
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert "No space left on device" in said.err
    assert results(tmp_path / "out") == []


def test_two_inputs_with_one_result_are_refused_before_anything_is_done(
    run: Path, typed: Typed, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        save(tmp_path / folder / "a.png")
    refused(typed("translate", run, "one", "two", "--out", "out"), 2, "one/a.png", "two/a.png", "would both become")
    assert not (tmp_path / "out").exists()
    save(tmp_path / "one" / "a.bmp")
    refused(typed("translate", run, "one", "--out", "out"), 2, "one/a.bmp", "one/a.png", "would both become out/a.png")
    refused(typed("translate", run, "one", "--out", "out", "--format", "jpg"), 2, "would both become out/a.jpg")


def test_an_input_is_not_replaced_by_its_own_result(run: Path, typed: Typed, tmp_path: Path) -> None:
    before = save(tmp_path / "in" / "a.png").read_bytes()
    refused(typed("translate", run, "in", "--out", "in", "--overwrite"), 2, "replaced by its own result")
    refused(typed("translate", run, "in/a.png", "--out", "in/a.png", "--overwrite"), 2, "replaced by its own result")
    assert (tmp_path / "in" / "a.png").read_bytes() == before


def test_inputs_that_are_not_there(run: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "empty" / "only a folder").mkdir(parents=True)
    refused(typed("translate", run, "gone.png", "--out", "out"), 1, "there is no gone.png")
    refused(typed("translate", run, "in/*.png", "--out", "out"), 1, "there is no in/*.png")
    refused(typed("translate", run, "empty", "--out", "out"), 1, "there is no picture in empty")
    refused(typed("translate", run, "empty/*", "--out", "out"), 1)  # a pattern that only a folder fits


@pytest.mark.parametrize(
    ("words", "code", "answer"),
    [
        ("--checkpoint 5", 1, 'no checkpoint "5"; there is 3, 6, best'),
        ("--checkpoint ../../recipe", 1, "no checkpoint"),
        ("--way b-to-a", 2, 'cannot translate "b-to-a"'),
        ("--device abacus", 2, "abacus"),
        ("--device cuda:99", 2, "cuda:99"),
        ("--seed 99999999999999999999999", 2, "seed"),
        ("--size 10000000", 1, "memory"),  # 300 TB: refused at once on every machine
    ],
    ids=lambda value: str(value),
)
def test_options_that_cannot_be_had(
    words: str, code: int, answer: str, run: Path, typed: Typed, tmp_path: Path
) -> None:
    save(tmp_path / "a.png")
    said = typed("translate", run, "a.png", "--out", "out", *words.split())
    assert said.code == code, said
    assert answer in said.err


def test_a_folder_that_is_no_run(typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    refused(typed("translate", "in", "in/a.png", "--out", "out"), 1, "holds no translator")


@pytest.mark.parametrize("place", ["run", "run/checkpoints", "run/pictures/new", "run/evaluation", "run/recipe.toml"])
def test_a_run_s_own_folder_takes_no_results(place: str, run: Path, typed: Typed, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    save(tmp_path / "in" / "a.png")
    save(tmp_path / "in" / "b.png")
    before = names(tmp_path / "run")
    for words in (
        ["translate", "run", "in", "--out", place],
        ["translate", "run", "in/a.png", "in/b.png", "--out", f"{tmp_path}/in/../{place}"],
        ["export", "run", "--to", "model", "--out", place],
        ["evaluate", "run", "--out", place],
        ["compare", "run", "run", "--out", place],
    ):
        refused(typed(*words), 2, f"--out is {words[-1]}, ", "of a run" if "/" in place else "a run's own folder")
    if (tmp_path / place).is_dir() and "/" in place:
        refused(typed("translate", "run", "in/a.png", "--out", f"{place}/x.png"), 2, "have no place; name another")
    assert names(tmp_path / "run") == before


def test_a_new_folder_in_a_run_takes_results(run: Path, typed: Typed, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    save(tmp_path / "in" / "a.png")
    assert typed("translate", "run", "in", "--out", "run/translated").code == 0
    assert results(tmp_path / "run" / "translated") == ["a.png"]
    assert typed("translate", "run", "in/a.png", "--out", "run/one.png").code == 0
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "recipe.toml").write_text("mine")
    assert typed("translate", "run", "in", "--out", "plain").code == 0  # which only looks like a run
    assert typed("evaluate", "run", "--out", "run/evaluation/mine", "--metrics", "l1").code == 0
    assert typed("export", "run", "--to", "model", "--out", "model").code == 0
    refused(typed("translate", "model", "in", "--out", "model"), 2, "a model's own folder", "such as model/translated")
