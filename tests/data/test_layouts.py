"""Folders as people have them: each is recognised, or refused with a sentence that says what to do."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diptych import register
from diptych.data import DataSettings
from diptych.data.entries import Entry, Layout, files_of, paths_of
from diptych.data.layouts import discover
from diptych.errors import DiptychError

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """make("A/1.png", "B/1.png"): small pictures in a folder, which is returned."""

    def pictures(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((4, 8, 3), dtype=np.uint8)).save(path)
        return tmp_path

    return pictures


def numbered(*folders: str, count: int = 3) -> list[str]:
    return [f"{folder}/{number}.png" for folder in folders for number in range(count)]


def look(folder: Path, **values: Any) -> Layout:
    return discover(DataSettings(folder=str(folder), **values))


def counts(layout: Layout) -> dict[str, int]:
    return {split: len(entries) for split, entries in layout.splits.items()}


def test_one_folder_of_halves_is_split_by_share(make: Make) -> None:
    layout = look(make(*[f"{number}.png" for number in range(10)]), validation_share=0.3)
    assert layout.kind == "side-by-side"
    assert sum(counts(layout).values()) == 10
    assert all(counts(layout)[split] for split in ("train", "val"))
    assert layout.splits["train"][0].b is None


def test_split_folders_are_taken_as_they_are(make: Make) -> None:
    layout = look(make(*numbered("Train", "validation", "test")))
    assert counts(layout) == {"train": 3, "val": 3, "test": 3}
    assert [entry.name for entry in layout.splits["train"]] == ["0", "1", "2"]


def test_pictures_stand_in_natural_order(make: Make) -> None:
    layout = look(make("train/10.png", "train/9.png", "train/1.png", "val/3.png"))
    assert [entry.name for entry in layout.splits["train"]] == ["1", "9", "10"]


@pytest.mark.parametrize(
    "folders",
    [
        ("A", "B"),
        ("a", "b"),
        ("source", "target"),
        ("Inputs", "Outputs"),
        ("input", "target"),
        ("labels", "photos"),
        ("label", "image"),
        ("images", "masks"),
        ("edges", "photos"),
        ("x", "y"),
    ],
)
@pytest.mark.parametrize(
    "shape", ["{name}", "train{name}", "train_{name}", "{name}_train", "train/{name}", "{name}/train"]
)
def test_two_folders_by_their_usual_names(make: Make, folders: tuple[str, str], shape: str) -> None:
    first, second = (shape.replace("{name}", name) for name in folders)
    layout = look(make(*numbered(first, second)))
    assert layout.kind == "folders"
    assert sum(counts(layout).values()) == 3
    entry = layout.splits["train"][0]
    assert first in str(entry.a[0])
    assert second in str(entry.b)
    assert Path(str(entry.a[0])).stem == Path(str(entry.b)).stem


def test_all_splits_of_two_folders(make: Make) -> None:
    layout = look(make(*numbered("trainA", "trainB", "valA", "valB", "testA", "testB")))
    assert counts(layout) == {"train": 3, "val": 3, "test": 3}


def test_a_split_and_its_annotations(make: Make) -> None:
    layout = look(make(*numbered("train", "trainannot", "val", "valannot")))
    assert layout.kind == "folders"
    assert str(layout.splits["val"][0].b).endswith("valannot/0.png")


def test_partners_may_have_other_endings(make: Make) -> None:
    layout = look(make("A/1.png", "A/2.png", "B/1.jpg", "B/2.jpg"))
    assert sum(counts(layout).values()) == 2


def test_a_missing_partner_is_named(make: Make) -> None:
    layout = look(make(*numbered("A", "B"), "A/alone.png", "B/other.png"))
    assert len(layout.problems) == 2
    assert "alone.png has no partner in" in layout.problems[0]
    assert "other.png has no partner in" in layout.problems[1]


def test_a_split_without_its_other_folder_is_named(make: Make) -> None:
    layout = look(make(*numbered("trainA", "trainB", "testA")))
    assert "testA is not used" in layout.problems[0]


def test_folders_that_are_not_used_are_said(make: Make) -> None:
    assert "not used: depth" in look(make(*numbered("train", "val", "depth"))).description


def test_unpaired_piles_of_any_counts(make: Make) -> None:
    layout = look(make(*numbered("trainA", "testA"), *numbered("trainB", "testB", count=7)), task="unpaired")
    assert layout.kind == "unpaired"
    assert len(layout.splits["test"]) == 3
    assert len(layout.others["test"]) == 7


def test_unpaired_piles_by_name(make: Make) -> None:
    folder = make(*numbered("horses", "zebras", count=4))
    layout = look(folder, task="unpaired", source_folders=("horses",), target_folder="zebras")
    assert layout.kind == "unpaired"
    assert paths_of(layout.others["train"])[0].parent.name == "zebras"


def test_halves_as_two_piles(make: Make) -> None:
    layout = look(make(*numbered("train", "val")), task="unpaired")
    assert layout.kind == "side-by-side"
    assert layout.others == layout.splits


@pytest.mark.parametrize("shape", ["{name}", "train{name}", "train/{name}", "{name}/train"])
def test_source_folders_are_stacked_in_order(make: Make, shape: str) -> None:
    folder = make(*numbered(*(shape.replace("{name}", name) for name in ("normals", "depth", "photo"))))
    layout = look(folder, source_folders=("normals", "depth"), target_folder="photo")
    entry = layout.splits["train"][0]
    assert ["normals" in str(entry.a[0]), "depth" in str(entry.a[1]), "photo" in str(entry.b)] == [True] * 3


def test_split_in_a_name_stands_for_each_split(make: Make) -> None:
    folder = make(*numbered("deep/train/l", "deep/val/l", "p_train", "p_val"))
    layout = look(folder, source_folders=("deep/{split}/l",), target_folder="p_{split}")
    assert counts(layout) == {"train": 3, "val": 3}


@pytest.mark.parametrize("task", ["edges", "greyscale", "colorization"])
def test_a_pile_for_derived_tasks(make: Make, task: str) -> None:
    folder = make(*numbered("train", "val", "photos"))
    assert counts(look(folder, task=task)) == {"train": 3, "val": 3}
    assert sum(counts(look(folder, task=task, target_folder="photos")).values()) == 3


def refused(folder: Path, words: str, **values: Any) -> None:
    with pytest.raises(DiptychError, match=words):
        look(folder, **values)


def test_what_cannot_be_understood_is_refused(make: Make, tmp_path: Path) -> None:
    refused(tmp_path, "no picture")
    refused(tmp_path, "no pair of folders", layout="folders")
    with pytest.raises(DiptychError, match=r"data\.folder is not set"):
        discover(DataSettings())
    refused(make("one.png"), "has one example only")
    refused(tmp_path / "one.png", "is a file")
    refused(tmp_path, "there is no folder", source_folders=("P",), target_folder="Q")


def test_a_name_that_is_no_folder_is_looked_up_in_the_catalog(tmp_path: Path) -> None:
    refused(tmp_path / "absent", "no folder or data set")


def test_no_known_folder_names_the_ones_there(make: Make) -> None:
    refused(make(*numbered("train/drawings", "train/paintings")), "drawings, paintings.*data.source_folders")


def test_two_readings_are_refused(make: Make) -> None:
    refused(make(*numbered("A", "B", "input", "output")), "several pairs of folders")


def test_two_folders_for_one_split_are_refused(make: Make) -> None:
    refused(make(*numbered("val", "validation", "train")), "are both for val")


def test_an_empty_split_is_refused(make: Make, tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    refused(make(*numbered("train")), "no picture in .*val; fill or remove it")
    (tmp_path / "val").rmdir()
    assert counts(look(tmp_path))["val"] >= 1


def test_a_folder_of_test_pictures_alone_is_refused(make: Make) -> None:
    refused(make(*numbered("test")), "none to train on")


def test_one_name_twice_is_refused(make: Make) -> None:
    refused(make(*numbered("A", "B"), "A/1.jpg"), "would have the same partner")


def test_no_name_in_common_is_refused(make: Make) -> None:
    refused(make("A/1.png", "B/2.png"), "called alike")


def test_a_picture_is_in_one_split_only(make: Make, tmp_path: Path) -> None:
    make(*numbered("train"))
    (tmp_path / "val").symlink_to(tmp_path / "train")
    refused(tmp_path, "are one file")
    (tmp_path / "val").unlink()
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "7.png").symlink_to(tmp_path / "train" / "2.png")
    refused(tmp_path, "2.png .train. and .*7.png .val. are one file")


def test_the_second_pile_counts_as_well(make: Make, tmp_path: Path) -> None:
    make(*numbered("trainA", "trainB", "valA"))
    (tmp_path / "valB").symlink_to(tmp_path / "trainB")
    refused(tmp_path, "are one file", task="unpaired")


def test_new_pictures_move_no_old_one(make: Make) -> None:
    def val(names: Iterable[str]) -> set[str]:
        layout = look(make(*names), validation_share=0.25)
        assert not set(files_of(layout.splits["train"])) & set(files_of(layout.splits["val"]))
        return {entry.name for entry in layout.splits["val"]}

    names = [f"{number}.png" for number in range(40)]
    before = val(names)
    after = val([*names, *(f"new{number}.png" for number in range(40))])
    assert before == {name for name in after if not name.startswith("new")}
    assert 4 <= len(before) <= 16


def test_real_folders(shared_data: Path) -> None:
    assert counts(look(shared_data / "facades")) == {"train": 400, "val": 100}
    camvid = look(shared_data / "camvid")
    assert (camvid.kind, counts(camvid)) == ("folders", {"train": 36, "val": 12})
    labels = look(shared_data / "facades_labels", source_folders=("label",), target_folder="inst")
    assert counts(labels) == {"train": 400, "val": 100}
    assert counts(look(shared_data / "bsds500", task="edges"))["train"] > 150


@pytest.mark.usefixtures("own_code")
def test_a_registered_layout_without_a_side_is_refused(make: Make) -> None:
    """Of two piles each split has both, whether or not a share of it is to be set apart."""
    root = make("1.png", "2.png", "3.png")
    one, two, three = (root / f"{number}.png" for number in (1, 2, 3))
    sources, targets = [Entry("1", (one,)), Entry("2", (two,))], [Entry("1", (), one), Entry("2", (), two)]
    found: dict[str, list[Entry]] = {}
    register.layout("mine")(lambda folder: found)
    for splits, lacking in (
        ({"train": sources}, "no target in train"),
        ({"": targets}, "no source in train"),
        ({"train": [*sources, Entry("3", (), three)], "val": [Entry("4", (), three)]}, "no source in val"),
    ):
        found.clear()
        found.update(splits)
        with pytest.raises(DiptychError, match=f'the layout "mine" of .* gives {lacking}; give pictures of both'):
            discover(DataSettings(folder=str(root), layout="mine", task="unpaired"))
