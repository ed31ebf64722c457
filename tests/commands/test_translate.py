"""``diptych translate`` on files and folders: which results there are, in which form and size."""

import json
import shutil
from pathlib import Path

import numpy as np
from commanding import Typed, refused, results, save
from PIL import Image

from diptych import Kind, Translator
from diptych.pictures import formats


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
    assert results(tmp_path / "out") == ["a.png", "d.png", "deep/b.png", "deep/c.png", "e.png", "single.png"]
    for name in results(tmp_path / "out"):
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
    assert results(tmp_path / "alone") == results(tmp_path / "together")


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


def test_results_lose_nothing_unless_a_format_is_named(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.webp", "c.tif", "e.JPEG"):
        save(tmp_path / "in" / name)
    np.save(tmp_path / "in" / "d.npy", np.arange(20 * 24 * 3, dtype=np.uint8).reshape(20, 24, 3))
    assert typed("translate", run, "in", "--out", "out").code == 0
    assert results(tmp_path / "out") == ["a.png", "b.png", "c.tif", "d.npy", "e.png"]
    translator = Translator.load(run)
    for name in ("a.jpg", "b.webp", "c.tif", "d.npy", "e.JPEG"):
        wanted = translator(formats.read(tmp_path / "in" / name, Kind()))
        found = next((tmp_path / "out").glob(f"{name[0]}.*"))
        np.testing.assert_array_equal(formats.read(found, Kind()), wanted)
    assert typed("translate", run, "in", "--out", "named", "--format", "jpg").code == 0
    assert results(tmp_path / "named") == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
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


def test_a_format_is_asked_for(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    assert typed("translate", run, "a.png", "--out", "out", "--format", ".tif").code == 0
    assert results(tmp_path / "out") == ["a.tif"]
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
    assert results(tmp_path / "out") == ["cmyk.png", "deep.png", "dot.png", "moving.png", "palette.png"]


def test_formats_know_the_endings_that_translate_lists() -> None:
    assert {".png", ".jpg", ".webp", ".bmp", ".tif", ".npy", ".npz"} <= formats.ENDINGS
