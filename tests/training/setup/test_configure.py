"""Each rule by which a recipe is chosen for a folder, on real small folders."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from choices import CPU, chosen, pairs_of
from PIL import Image
from sets import class_map, draw_set, drawing, photo, save

from diptych.errors import DiptychError, UsageError
from diptych.recipe import read
from diptych.training.setup import configure as rules
from diptych.training.setup.choice import folder_word
from diptych.training.setup.configure import GIB


@pytest.mark.parametrize(
    ("sort", "recipe", "found"),
    [
        ("halves", "pix2pix-small", {"data.layout": "side-by-side", "data.direction": "b-to-a", "data.task": "pairs"}),
        ("photos side by side", "pix2pix-small", {"data.direction": "a-to-b"}),
        ("pairs", "pix2pix-small", {"data.direction": "b-to-a"}),
        ("unpaired", "cyclegan-small", {"data.task": "unpaired", "data.direction": "a-to-b"}),
        ("class maps", "spade-small", {"data.task": "labelled", "data.direction": "b-to-a", "data.source.classes": 5}),
        ("labels", "spade-small", {"data.task": "labelled", "data.direction": "a-to-b", "data.source.classes": 5}),
    ],
)
def test_system_and_direction(sort: str, recipe: str, found: dict[str, Any], tmp_path: Path) -> None:
    choice, keys = chosen(draw_set(tmp_path / "set", sort))
    assert choice.recipe.name == recipe
    assert {key: keys[key] for key in found} == found


@pytest.mark.parametrize(
    ("first", "second", "direction"),
    [
        ("A", "B", "b-to-a"),
        ("images", "masks", "b-to-a"),
        ("source", "target", "a-to-b"),
        ("source/train", "target/train", "a-to-b"),
        ("trainA", "trainB", "b-to-a"),
        ("photos", "masks", "b-to-a"),
        ("train_label", "train_img", "a-to-b"),
    ],
)
def test_folders_whose_names_say_what_is_the_source(first: str, second: str, direction: str, tmp_path: Path) -> None:
    """Photos and drawings: the drawings are the plainer ones. The name of the set itself says nothing."""
    rng = np.random.default_rng(0)
    save(tmp_path / "labels" / first, [photo(rng) for _ in range(10)])
    save(tmp_path / "labels" / second, [drawing(rng) for _ in range(10)])
    assert chosen(tmp_path / "labels")[1]["data.direction"] == direction


@pytest.mark.parametrize(
    ("sort", "reason"),
    [
        ("halves", "fewer colours, as drawings and class maps have; data.direction=a-to-b turns it"),
        (
            "photos side by side",
            "the source is the left half, as neither is clearly plainer; data.direction=b-to-a turns it",
        ),
    ],
)
def test_the_reason_of_a_direction_says_how_to_turn_it(sort: str, reason: str, tmp_path: Path) -> None:
    choice, _ = chosen(draw_set(tmp_path / "set", sort))
    assert next(why for what, why in choice.rows if what.startswith("data.direction")).endswith(reason)


@pytest.mark.parametrize(
    ("first", "second", "source"),
    [
        ("drawings", "photos", "drawings"),
        ("photographs", "outline drawings", "outline drawings"),
        ("day", "night", "night"),
        ("night", "day", "day"),
        ("train/day", "train/night", "night"),
        ("day/train", "night/train", "night"),
    ],
)
def test_two_folders_with_partners_are_pairs_whatever_they_are_called(
    first: str, second: str, source: str, tmp_path: Path
) -> None:
    """The second one holds the plainer pictures, except where the first is called drawings."""
    rng = np.random.default_rng(0)
    save(tmp_path / first, [photo(rng) for _ in range(10)])
    save(tmp_path / second, [drawing(rng) for _ in range(9)])
    choice, keys = chosen(tmp_path)
    assert keys["data.source_folders"] == [source]
    assert keys["data.target_folder"] in {"drawings", "photos", "photographs", "day", "night"} - {source}
    assert (choice.name, keys["data.direction"]) == ("pix2pix", "a-to-b")
    program, command, name, option, profile, *words = shlex.split(choice.command())
    assert (program, command, option) == ("diptych", "train", "--profile")
    assert read(name, words, profile) == choice.recipe
    turned = next(why for what, why in choice.rows if what.startswith("data.source_folders"))
    _, again = chosen(tmp_path, *shlex.split(turned.rpartition("; ")[2].removesuffix(" turns it")))
    assert (again["data.source_folders"], again["data.target_folder"]) == ([keys["data.target_folder"]], source)


def test_two_folders_of_unknown_names_without_partners(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save(tmp_path / "drawings", [drawing(rng) for _ in range(9)], "one_")
    save(tmp_path / "portraits", [photo(rng) for _ in range(9)], "other_")
    with pytest.raises(DiptychError) as refusal:
        chosen(tmp_path)
    assert """'data.source_folders=["drawings"]' data.target_folder=portraits""" in str(refusal.value)
    assert "no picture" not in str(refusal.value)
    assert chosen(tmp_path, "data.task=unpaired")[0].name == "cyclegan"


@pytest.mark.parametrize("sort", ["halves", "unpaired", "class maps"])
def test_the_equal_command_is_the_same_recipe(sort: str, tmp_path: Path) -> None:
    folder = draw_set(tmp_path / "a folder, $HOME's", sort)
    choice, keys = chosen(folder, "training.seed=7")
    program, command, name, option, profile, *words = shlex.split(choice.command("--out", "x"))
    assert (program, command, option, words[-2:]) == ("diptych", "train", "--profile", ["--out", "x"])
    assert read(name, words[:-2], profile) == choice.recipe
    assert keys["training.seed"] == 7
    assert chosen(folder, "training.seed=7")[0] == choice


@pytest.mark.parametrize("name", ["true", "1e3", '"quoted"', "{a=1}", "", "2024_01_15"])
def test_a_text_that_toml_would_take_for_another(name: str) -> None:
    assert read("pix2pix", shlex.split(folder_word(name))).data.folder == name


def test_single_pictures_are_refused_with_what_can_be_learned(tmp_path: Path) -> None:
    folder = draw_set(tmp_path / "my photos", "single")
    with pytest.raises(DiptychError) as refusal:
        chosen(folder)
    for recipe in ("srresnet", "inpainting", "pix2pix-colorization"):
        command = f"diptych train {recipe} --profile small {shlex.quote(f'data.folder={folder}')}"
        assert command in str(refusal.value)
        assert read(recipe, [f"data.folder={folder}"], "small").data.folder == str(folder)
    assert "data.layout=side-by-side" in str(refusal.value)
    with pytest.raises(UsageError, match="diptych train inpainting"):
        chosen(folder, "data.task=holed")
    assert chosen(folder, "data.layout=side-by-side")[0].name == "pix2pix"


@pytest.mark.parametrize(
    ("count", "batch", "steps"),
    [(10, 8, 2500), (4, 2, 2500), (280, 8, 3200), (1300, 8, 10_000)],
)
def test_batch_and_length_by_the_count(count: int, batch: int, steps: int, tmp_path: Path) -> None:
    """A tenth is held out by a hash; the bounds are 2,500 and 10,000 steps, between them 100 passes."""
    choice, keys = chosen(pairs_of(tmp_path / "set", (16, 16), count))
    train = next(
        int(why.split(" train")[0].split(": ")[-1]) for what, why in choice.rows if what.startswith("data.folder")
    )
    assert keys["training.batch_size"] == batch
    assert keys["training.steps"] == (steps if steps in (2500, 10_000) else round(train * 100 / 8, -2))
    assert keys["training.validate_every"] == keys["training.steps"] * 0.08
    assert choice.recipe.training.patience == 0.64
    assert keys["data.validation_share"] == 0.1


def test_validations_go_by_the_length_that_is_stated(tmp_path: Path) -> None:
    folder = pairs_of(tmp_path / "set", (16, 16), 10)
    assert chosen(folder, "training.steps=300")[0].recipe.training.validate_every == 24
    assert chosen(folder, "training.steps=90000")[0].recipe.training.validate_every == 1000
    assert chosen(folder, "training.validate_every=7")[0].recipe.training.validate_every == 7


@pytest.mark.parametrize(("gib", "batch"), [(64.0, 8), (1.2, 4), (1.05, 1), (float("inf"), 8)])
def test_batch_by_the_memory(gib: float, batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """0.5 GiB and 0.02 for each picture of a crop of 128, in half of the machine's."""
    monkeypatch.setattr(rules, "total_bytes", lambda _: gib * GIB)
    _, keys = chosen(pairs_of(tmp_path / "set", (140, 140)))
    assert keys["training.batch_size"] == batch


@pytest.mark.parametrize(
    ("count", "gib", "reason"),
    [
        (10, 64.0, "about 0.7 GiB of memory"),
        (4, 64.0, "about 0.5 GiB of memory; there are 3 training pictures"),
        (10, 1.2, "about 0.6 GiB of memory; 8 would take 0.7, of 1.2"),
        (4, 1.05, "about 0.5 GiB of memory; there are 3 training pictures; 2 would take 0.5, of 1.1"),
    ],
)
def test_the_reason_of_a_batch(
    count: int, gib: float, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "total_bytes", lambda _: gib * GIB)
    choice, _ = chosen(pairs_of(tmp_path / "set", (140, 140), count))
    assert next(why for what, why in choice.rows if what.startswith("training.batch_size")) == reason


def test_a_gpu_gets_the_plans_of_the_papers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "choose", lambda _: torch.device("cuda"))
    monkeypatch.setattr(rules, "total_bytes", lambda _: 80.0 * GIB)
    choice, keys = chosen(pairs_of(tmp_path / "set", (256, 256)))
    assert (choice.name, choice.profile) == ("pix2pix", "")
    assert (keys["data.crop_size"], keys["data.load_size"], keys["training.epochs"]) == (256, 286, 0)


def test_pictures_that_cannot_be_opened_are_counted(tmp_path: Path) -> None:
    """One is no picture, and one breaks off behind its header."""
    folder = pairs_of(tmp_path / "train", (32, 32), 12)
    pairs_of(tmp_path / "val", (32, 32), 2)
    assert chosen(tmp_path)[0].rows[1][1] == (
        "side-by-side pictures: the middle of 12 of 12 opened is a seam: 12 train, 2 val"
    )
    (folder / "3.png").write_bytes(b"no picture")
    (folder / "7.png").write_bytes((folder / "7.png").read_bytes()[:200])
    assert (
        chosen(tmp_path)[0]
        .rows[1][1]
        .endswith("10 of 10 opened is a seam: 12 train, 2 val; 2 of the sample's examples cannot be opened")
    )


def test_channels_depth_and_opacity(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "A").mkdir()
    for number in range(6):
        Image.fromarray(rng.integers(0, 65536, (32, 32)).astype(np.uint16)).save(tmp_path / "A" / f"{number}.png")
    save(tmp_path / "B", [rng.integers(0, 256, (32, 32, 4), dtype=np.uint8) for _ in range(6)])
    choice, keys = chosen(tmp_path, "data.direction=a-to-b")
    assert (keys["data.source.colour"], keys["data.source.depth"]) == ("grey", "uint16")
    assert (keys["data.target.colour"], keys["data.target.depth"]) == ("rgb", "uint8")
    assert ("data.target.background=[255, 255, 255]", "opacity is laid on white") in choice.rows
    _, keys = chosen(tmp_path, "data.direction=b-to-a")
    assert (keys["data.target.colour"], keys["data.target.depth"]) == ("grey", "uint16")


def test_many_channels_of_float_need_a_stated_range(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, high in (("A", 40), ("B", 1)):
        (tmp_path / name).mkdir()
        for number in range(4):
            np.save(tmp_path / name / f"{number}.npy", rng.random((32, 32, 5), dtype=np.float32) * high)
    with pytest.raises(DiptychError, match=r"the source pictures in .* are float32 and reach from 0 to") as refusal:
        chosen(tmp_path)
    assert "data.source.low=0 data.source.high=" in str(refusal.value)
    _, keys = chosen(tmp_path, "data.source.high=40")
    assert (keys["data.source.channels"], keys["data.source.depth"], keys["data.source.high"]) == (5, "float32", 40)
    assert (keys["data.target.channels"], keys["data.target.high"]) == (5, 0)


def test_a_255_apart_is_no_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save(tmp_path / "images", [photo(rng) for _ in range(6)])
    save(tmp_path / "masks", [np.array([0, 1, 2, 255], np.uint8)[class_map(rng, 4)] for _ in range(6)])
    _, keys = chosen(tmp_path)
    assert (keys["data.source.classes"], keys["data.source.unknown"]) == (3, 255)


def test_what_is_stated_stands(tmp_path: Path) -> None:
    folder = draw_set(tmp_path / "set", "halves")
    choice, keys = chosen(folder, "data.direction=a-to-b", "data.crop_size=64", "training.epochs=3", profile="small")
    assert (keys["data.direction"], keys["data.crop_size"], keys["data.load_size"]) == ("a-to-b", 64, 72)
    assert (keys["training.epochs"], keys["training.steps"]) == (3, 0)
    assert (choice.profile, choice.recipe.name) == ("small", "pix2pix-small")
    assert ("data.crop_size=64", "given on the command line") in choice.rows
    assert choice.words[-4:] == (CPU, "data.direction=a-to-b", "data.crop_size=64", "training.epochs=3")
    assert not [word for word in choice.words[:-4] if word.startswith(("data.crop_size", "data.direction"))]
    _, keys = chosen(draw_set(tmp_path / "maps", "class maps"), "data.source.classes=9")
    assert keys["data.source.classes"] == 9
    assert chosen(draw_set(tmp_path / "two", "pairs"), "data.task=unpaired")[0].name == "cyclegan"
    assert chosen(folder, "data={crop_size=64}")[1]["data.load_size"] == 72
    with pytest.raises(UsageError, match='did you mean "crop_size"'):
        chosen(folder, "data.cropsize=16")
