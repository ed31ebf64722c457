"""Masks beside pairs: white where there is data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commanding import Typed, refused
from PIL import Image
from toys import run_to_end, tiny_recipe

from diptych.data import DataSettings, open_dataset
from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Kind

RNG = np.random.default_rng(2)


def save(path: Path, picture: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pairs of 20x24 in data, and their masks in masks: the upper third is black."""
    for number in range(6):
        for side in "AB":
            save(tmp_path / "data" / side / f"{number}.png", RNG.integers(1, 255, (24, 20, 3), dtype=np.uint8))
        mask = np.full((24, 20), 255, dtype=np.uint8)
        mask[:8] = 0
        save(tmp_path / "masks" / f"{number}.png", mask)
    return tmp_path


def settings(folder: Path, **more: Any) -> DataSettings:
    kind = Kind(nodata=0)
    where = {"folder": str(folder / "data"), "valid_folder": str(folder / "masks")}
    return DataSettings(**{**where, "source": kind, "target": kind, "load_size": 20, "crop_size": 16, **more})


def test_both_sides_lack_data_where_the_mask_is_black(folder: Path) -> None:
    dataset = open_dataset(settings(folder), "train", train=False, own=True)
    for picture in dataset.sample(0, RNG):
        assert picture[:, :8].isnan().all()
        assert not picture[:, 8:].isnan().any()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.unlink(), "there is no mask called"),
        (lambda path: save(path, np.zeros((24, 20), dtype=np.uint8)), "marks no pixel with data"),
        (lambda path: save(path, np.full((20, 24), 255, dtype=np.uint8)), "differ in size"),
        (lambda path: save(path, np.ones((24, 20), dtype=np.uint8)), "mask of 0 and 1"),
    ],
)
def test_a_mask_that_does_not_fit_is_named(spoil: Any, problem: str, folder: Path) -> None:
    dataset = open_dataset(settings(folder), "train", train=True)
    spoil(folder / "masks" / f"{dataset.name(0)}.png")
    with pytest.raises(DiptychError, match=problem):
        dataset.sample(0, RNG)


def test_a_kind_must_say_what_results_hold_there(folder: Path) -> None:
    with pytest.raises(UsageError, match="nodata in data"):
        settings(folder, source=Kind(), target=Kind())


def test_a_run_takes_masks_and_gives_them_back(folder: Path, typed: Typed, tmp_path: Path) -> None:
    recipe = tiny_recipe(
        "pix2pix",
        folder / "data",
        f"data.valid_folder={folder / 'masks'}",
        "data.source.nodata=0",
        "data.target.nodata=0",
    )
    run_to_end(recipe, folder / "run")
    said = typed(
        "translate", folder / "run", folder / "data" / "A", "--valid", folder / "masks", "--out", tmp_path / "out"
    )
    assert said.code == 0, said
    for path in (tmp_path / "out").glob("*.png"):
        result = np.asarray(Image.open(path))
        assert (result == 0).all(axis=2).sum() == 8 * 20
        assert not result[:8].any()
    refused(
        typed("translate", folder / "run", folder / "data" / "A", "--valid", "x", "--out", "o"), 2, "correct --valid"
    )
