"""What makes a run the same run: values by what they mean, data by what they hold."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from packed import packed
from PIL import Image
from toys import draw_pairs, run_to_end, tiny_recipe

from diptych.data.inventory import inventory
from diptych.errors import UsageError
from diptych.recipe import Recipe
from diptych.training.processes import fast_precision
from diptych.training.run import Run, read_recipe
from diptych.training.setup.startable import compare_conditions


def begun(recipe: Recipe, folder: Path) -> Path:
    """A run that has a checkpoint."""
    with Run(folder, recipe) as run:
        run.save(3, {"system.x": torch.zeros(1)}, {"faults": 0})
    return folder


def gone_on(recipe: Recipe, folder: Path) -> list[str]:
    """What a start in the run folder has to say."""
    with Run(folder, recipe) as run:
        return run.messages


def two_folders(place: Path, names: tuple[str, ...] = ("A", "B")) -> Path:
    """Twelve pairs in two folders, every file as long as every other."""
    rng = np.random.default_rng(0)
    for name in names:
        (place / name).mkdir(parents=True)
        for number in range(12):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(place / name / f"{number}.bmp")
    return place


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("training.device=auto", "training.device=cpu"),
        ("training.precision=auto", "training.precision=AUTO"),
        ("data.crop_size=16", "data.crop_size=[16, 16]"),
        ("data.load_size=18", "data.load_size=[18, 18]"),
        ("data.workers=-1", "data.workers=2"),
        ("training.hold=0.5", "training.hold=5e-1"),
        ("options.l1=100", "options.l1=100.0"),
        ("options.dropout=[1, 2]", "options.dropout=[2, 1]"),
        ("training.learning_rate={}", "training.learning_rate={generator=0.0002}"),
        ('training.metrics=["l1", "sharpness"]', 'training.metrics=["sharpness", "l1"]'),
        ("data.source={low=0, high=255}", "data.source={}"),
        ("training.init_from=", "training.init_from=gone"),
    ],
)
def test_one_meaning_written_in_two_ways(one: str, other: str, toy_pairs: Path, tmp_path: Path) -> None:
    if other.endswith("AUTO"):
        other = other.replace("AUTO", fast_precision(torch.device("cpu")))
    for number, (first, second) in enumerate([(one, other), (other, one)]):
        folder = begun(tiny_recipe("pix2pix", toy_pairs, first), tmp_path / str(number))
        assert gone_on(tiny_recipe("pix2pix", toy_pairs, second), folder) == []


@pytest.mark.parametrize(
    "other",
    ["data.crop_size=[16, 8]", "options.dropout=[1, 3]", "data.source={high=200}", "training.precision=bfloat16"],
)
def test_another_meaning_is_refused(other: str, toy_pairs: Path, tmp_path: Path) -> None:
    folder = begun(tiny_recipe("pix2pix", toy_pairs, "options.dropout=[1, 2]"), tmp_path / "run")
    with pytest.raises(UsageError, match="was begun with another recipe"):
        gone_on(tiny_recipe("pix2pix", toy_pairs, "options.dropout=[1, 2]", other), folder)


@pytest.mark.parametrize("way", ["{}/", "{}/../pairs", "link", "pairs"])
def test_a_folder_by_another_path(way: str, toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begun(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    os.symlink(toy_pairs, "link")
    assert gone_on(tiny_recipe("pix2pix", Path(way.format(toy_pairs))), folder) == []
    (folder / "data.json").unlink()  # as runs of earlier versions are
    assert gone_on(tiny_recipe("pix2pix", toy_pairs), folder) == []


def test_data_that_have_moved(toy_pairs: Path, tmp_path: Path) -> None:
    folder = begun(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    moved = toy_pairs.rename(tmp_path / "moved")
    assert gone_on(tiny_recipe("pix2pix", moved), folder) == [f"data.folder was {toy_pairs} and is now {moved}."]
    assert read_recipe(folder).data.folder == str(moved)  # so that evaluation finds them
    packed(moved, tmp_path / "shards")
    assert len(gone_on(tiny_recipe("pix2pix", tmp_path / "shards"), folder)) == 1
    (folder / "data.json").unlink()
    with pytest.raises(UsageError, match=r"another recipe: data\.folder was"):
        gone_on(tiny_recipe("pix2pix", moved), folder)


def test_first_weights_count_until_there_is_a_checkpoint(toy_pairs: Path, tmp_path: Path) -> None:
    with Run(tmp_path / "run", tiny_recipe("pix2pix", toy_pairs)) as run:
        run.save_best(2, {"system.x": torch.zeros(1)}, "l1", 0.5)
    with pytest.raises(UsageError, match=r"training\.init_from was '' and is now 'other'"):
        gone_on(tiny_recipe("pix2pix", toy_pairs, "training.init_from=other"), run.folder)


def test_what_is_known_of_the_data(toy_pairs: Path) -> None:
    expected = {
        split: {path.stem: [path.stat().st_size] for path in (toy_pairs / split).iterdir()}
        for split in ("train", "val")
    }
    assert inventory(tiny_recipe("pix2pix", toy_pairs).data) == expected


def test_data_that_have_changed_are_said_once(toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs)
    run, _ = run_to_end(recipe, tmp_path / "run")
    run.path_of(6).unlink()
    train = toy_pairs / "train"
    shutil.copy(train / "4.png", train / "3.png")
    for name in ("a", "b"):
        shutil.copy(train / "4.png", train / f"{name}.png")
    (train / "7.png").unlink()
    _, said = run_to_end(recipe, run.folder)
    found = "2 added, 1 removed, 1 of another size, 14 as they were"
    assert len([sentence for sentence in said if found in sentence]) == 1
    assert [found in event["words"] for event in run.entries("events.jsonl") if event["kind"] == "data"] == [True]
    run.path_of(6).unlink()
    _, said = run_to_end(recipe, run.folder)
    assert not [sentence for sentence in said if "changed" in sentence]


def test_data_of_which_nothing_is_left_are_refused(toy_pairs: Path, tmp_path: Path) -> None:
    folder = begun(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    before = [(folder / name).read_bytes() for name in ("recipe.toml", "data.json")]
    others = draw_pairs(tmp_path / "others")
    for path in others.rglob("*.png"):
        Image.fromarray(np.zeros((20, 40, 3), dtype=np.uint8)).save(path)
    with pytest.raises(UsageError, match=f"begun with other data: no example in {others} has the name and size"):
        gone_on(tiny_recipe("pix2pix", others), folder)
    assert before == [(folder / name).read_bytes() for name in ("recipe.toml", "data.json")]


def test_folders_that_are_named(tmp_path: Path) -> None:
    """Their parts may lie anywhere, but not be exchanged, however alike their files are by name and size."""
    place = two_folders(tmp_path / "pairs", ("left", "right"))
    named = ('data.source_folders=["left"]', "data.target_folder=right")
    folder = begun(tiny_recipe("pix2pix", place, *named), tmp_path / "run")
    whole = (f'data.source_folders=["{place}/left"]', f"data.target_folder={place}/right")
    assert gone_on(tiny_recipe("pix2pix", place, *whole), folder) == []
    with pytest.raises(UsageError, match=r"another recipe: data\.source_folders was"):
        gone_on(tiny_recipe("pix2pix", place, 'data.source_folders=["right"]', "data.target_folder=left"), folder)


def test_masks_are_data(toy_pairs: Path, tmp_path: Path) -> None:
    masks = two_folders(tmp_path / "holes", ("masks",)) / "masks"
    recipe = tiny_recipe("inpainting", toy_pairs, "data.hole=files", f"data.mask_folder={masks}")
    folder = begun(recipe, tmp_path / "run")
    moved = masks.rename(tmp_path / "elsewhere")
    assert gone_on(tiny_recipe("inpainting", toy_pairs, "data.hole=files", f"data.mask_folder={moved}"), folder) == []
    (moved / "0.bmp").unlink()
    said = gone_on(tiny_recipe("inpainting", toy_pairs, "data.hole=files", f"data.mask_folder={moved}"), folder)
    assert "1 removed, 27 as they were" in said[0]


def test_both_piles_are_data(tmp_path: Path) -> None:
    place = two_folders(tmp_path / "piles")
    found = inventory(tiny_recipe("cyclegan", place, "data.task=unpaired").data)
    assert {pile: sum(map(sum, entries.values())) > 0 for pile, entries in found.items()} == dict.fromkeys(
        ("train", "val", "train targets", "val targets"), True
    )
    assert sum(map(len, found.values())) == 24


def test_a_damaged_account_of_the_data_is_said(toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs)
    folder = begun(recipe, tmp_path / "run")
    for text in ("{", json.dumps({"train": 5})):
        (folder / "data.json").write_text(text)
        (sentence,) = gone_on(recipe, folder)
        assert "data.json cannot be read" in sentence
    assert gone_on(recipe, folder) == []


def test_other_conditions_are_said_or_refused(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tiny_recipe("pix2pix", tmp_path))
    now: dict[str, int | str] = {"threads": 2, "processes": 2, "device": "cpu", "precision": "float32"}
    assert list(compare_conditions(run, {"step": 3}, now)) == []  # of an earlier version
    (device,) = compare_conditions(run, {**now, "device": "cuda", "threads": 8}, now)
    assert "made with device cuda and training goes on with cpu" in device
    (precision,) = compare_conditions(run, {**now, "precision": "bfloat16"}, now)
    assert "made with precision bfloat16 and training goes on with float32" in precision
    with pytest.raises(UsageError, match="trained by 4 processes, and this start has 2; start as many"):
        list(compare_conditions(run, {**now, "processes": 4}, now))
