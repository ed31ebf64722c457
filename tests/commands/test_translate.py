"""``diptych translate`` on files and folders."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from commanding import Typed, full, refused, save
from commanding import names as all_names
from damaged import huge_png
from PIL import Image

from diptych import Kind, Translator
from diptych.pictures import formats


def names(folder: Path) -> list[str]:
    """Without the record."""
    return [name for name in all_names(folder) if name != ".diptych-translate.json"]


def test_files_folders_and_patterns(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("in/a.png", "in/deep/b.jpg", "in/deep/c.BMP", "more/d.webp", "more/e.png", "single.png"):
        save(tmp_path / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    for name in ("in/.hidden.png", "in/.thumbnails/b.png"):
        save(tmp_path / name)
    said = typed("translate", run, "in", "more/*.png", "more/d.webp", "single.png", "--out", "out")
    assert said.code == 0, said
    assert said.err == "Passed over in in: notes.txt (no picture by the ending), and hidden pictures (1).\n"
    assert "6 of 6 pictures translated into out" in said.out
    assert names(tmp_path / "out") == ["a.png", "d.png", "deep/b.png", "deep/c.png", "e.png", "single.png"]
    for name in names(tmp_path / "out"):
        with Image.open(tmp_path / "out" / name) as picture:
            assert picture.size == (24, 20)


def test_one_picture_to_one_file_and_the_same_every_time(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    for number in ("1", "2"):
        assert typed("translate", run, "a.jpg", "--out", f"results/{number}.png").code == 0
    assert typed("translate", run, "a.jpg", "--out", "results/3.png", "--seed", "1").code == 0
    first, second, third = ((tmp_path / "results" / f"{number}.png").read_bytes() for number in "123")
    assert first == second != third


def test_a_batch_gives_what_each_gives_alone(run: Path, typed: Typed, tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "in" / f"{number}.png")
    save(tmp_path / "in" / "4.png", 30, 17)
    assert typed("translate", run, "in", "--out", "alone").code == 0
    assert typed("translate", run, "in", "--out", "together", "--batch", "4").code == 0
    assert names(tmp_path / "alone") == names(tmp_path / "together")


def test_what_stands_there_is_not_overwritten_unless_asked(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.png").write_bytes(b"precious")
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert "2 of 3 pictures translated" in said.out
    assert said.err == "not done: out/b.png exists; give --overwrite to replace it, or another --out.\n"
    assert (tmp_path / "out" / "b.png").read_bytes() == b"precious"
    assert typed("translate", run, "in", "--out", "out", "--overwrite").code == 0
    assert (tmp_path / "out" / "b.png").read_bytes() != b"precious"


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
    assert names(tmp_path / "out") == ["a.png", "d.png", "z.png"]
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
    assert names(tmp_path / "out") == ["b.png", "c.png"]
    assert "2 of 3 pictures translated" in said.out


def test_a_file_in_the_place_of_one_folder_leaves_the_others_done(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a.png", "deep/b.png", "z.png"):
        save(tmp_path / "in" / name)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").write_text("a file")
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert [name for name in names(tmp_path / "out") if name != "deep"] == ["a.png", "z.png"]
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
    refused(typed("translate", tmp_path / "odd", tmp_path, "--out", "o"), 1, "\"multiple\" is 'x'", "export or copy")


def test_a_full_disk_while_translating(
    run: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "in" / "a.png")
    monkeypatch.setattr(os, "fsync", full)
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert "No space left on device" in said.err
    assert names(tmp_path / "out") == []


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


def test_results_lose_nothing_unless_a_format_is_named(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.webp", "c.tif", "e.JPEG"):
        save(tmp_path / "in" / name)
    np.save(tmp_path / "in" / "d.npy", np.arange(20 * 24 * 3, dtype=np.uint8).reshape(20, 24, 3))
    assert typed("translate", run, "in", "--out", "out").code == 0
    assert names(tmp_path / "out") == ["a.png", "b.png", "c.tif", "d.npy", "e.png"]
    translator = Translator.load(run)
    for name in ("a.jpg", "b.webp", "c.tif", "d.npy", "e.JPEG"):
        wanted = translator(formats.read(tmp_path / "in" / name, Kind()))
        found = next((tmp_path / "out").glob(f"{name[0]}.*"))
        np.testing.assert_array_equal(formats.read(found, Kind()), wanted)
    assert typed("translate", run, "in", "--out", "named", "--format", "jpg").code == 0
    assert names(tmp_path / "named") == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    assert typed("translate", run, "in/a.jpg", "--out", "own.jpg").code == 0
    with Image.open(tmp_path / "own.jpg") as picture:
        assert picture.format == "JPEG"


def test_a_later_input_does_not_replace_the_result_of_another(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        save(tmp_path / "in" / name)
    assert typed("translate", run, "in/a.jpg", "--out", "out").code == 0
    before = (tmp_path / "out" / "a.png").read_bytes()
    said = typed("translate", run, "in/a.png", "--out", "out")
    assert (said.code, said.err.count("out/a.png exists; give --overwrite to replace it")) == (1, 1)
    assert (tmp_path / "out" / "a.png").read_bytes() == before
    assert typed("translate", run, "in/a.jpg", "--out", "out").code == 0


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


def test_a_format_is_asked_for(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    assert typed("translate", run, "a.png", "--out", "out", "--format", ".tif").code == 0
    assert names(tmp_path / "out") == ["a.tif"]
    refused(typed("translate", run, "a.png", "--out", "out", "--format", "gif89"), 2, "gif89")


def test_a_grid_shows_the_input_beside_the_result(run: Path, typed: Typed, tmp_path: Path) -> None:
    before = save(tmp_path / "a.png", 20, 24)
    assert typed("translate", run, "a.png", "--out", "plain").code == 0
    assert typed("translate", run, "a.png", "--out", "grid", "--grid").code == 0
    with Image.open(tmp_path / "grid" / "a.png") as grid, Image.open(tmp_path / "plain" / "a.png") as plain:
        assert grid.size == (48, 20)
        np.testing.assert_array_equal(np.asarray(grid)[:, 24:], np.asarray(plain))
        left = np.asarray(grid)[:, :24].astype(int)
    with Image.open(before) as picture:
        assert np.abs(left - np.asarray(picture)).max() <= 1


def test_a_size_for_the_network(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.png", 30, 50)
    said = {}
    for name, words in {"16": "--size 16", "default": "", "wide": "--size 16x32", "own": "--size own"}.items():
        said[name] = typed("translate", run, "a.png", "--out", name, *words.split())
        assert said[name].code == 0
    found = {name: np.asarray(Image.open(tmp_path / name / "a.png")) for name in said}
    assert {picture.shape for picture in found.values()} == {(30, 50, 3)}
    np.testing.assert_array_equal(found["default"], found["16"])
    assert (found["own"] != found["16"]).any()
    assert (found["own"] != found["wide"]).any()
    line = "Pictures are translated at 16x16, the scale of training, and brought back to their size; --size own takes"
    assert [line in one.out for one in said.values()] == [False, True, False, False]


def test_the_size_is_said_once_and_where_it_matters(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "in" / f"{name}.png", 30, 50)
    save(tmp_path / "as-trained.png", 16, 16)
    assert typed("translate", run, "in", "--out", "out").out.count("the scale of training") == 1
    assert "scale of training" not in typed("translate", run, "as-trained.png", "--out", "out").out
    tiles = typed("translate", run, "in", "--out", "tiles", "--tile", "512")
    assert "at their own size, in tiles, and not at 16x16, the scale of training; --size training" in tiles.out
    assert "scale of" not in typed("translate", run, "in", "--out", "both", "--tile", "512", "--size", "16").out
    card = json.loads((run / "card.json").read_text())
    older = {name: fact for name, fact in card["translators"][0].items() if name != "fit"}
    shutil.copytree(run, tmp_path / "older")
    (tmp_path / "older" / "card.json").write_text(json.dumps({"diptych": 1, "translators": [older]}))
    said = typed("translate", "older", "in", "--out", "theirs").out
    assert (
        "since the card does not say at which scale the network was trained; --size 16x16, for one, brings them" in said
    )


def test_pictures_of_every_sort_come_out(run: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("CMYK", (20, 20), (9, 90, 200, 0)).save(tmp_path / "in" / "cmyk.jpg")
    Image.new("RGB", (1, 1)).save(tmp_path / "in" / "dot.png")
    palette = Image.new("P", (20, 20))
    palette.putpalette([10, 20, 30, 200, 100, 0])
    palette.save(tmp_path / "in" / "palette.png", transparency=0)
    Image.fromarray(np.full((20, 20), 40000, np.uint16)).save(tmp_path / "in" / "deep.png")
    frames = [Image.new("RGB", (20, 20), (shade, 0, 0)) for shade in (10, 200)]
    frames[0].save(tmp_path / "in" / "moving.webp", save_all=True, append_images=frames[1:])
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 0, said
    assert said.err == "in/moving.webp has 2 frames; the first was translated.\n"
    assert names(tmp_path / "out") == ["cmyk.png", "deep.png", "dot.png", "moving.png", "palette.png"]


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


def test_formats_know_the_endings_that_translate_lists() -> None:
    assert {".png", ".jpg", ".webp", ".bmp", ".tif", ".npy", ".npz"} <= formats.ENDINGS
