"""Slices as examples: which there are, what they hold, and from where crops are drawn."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import assert_equal, run_to_end, tiny_recipe, weights
from volumes.conftest import save_nifti

from diptych.data import DataSettings, open_dataset
from diptych.data.layouts import discover
from diptych.data.volumes.layout import held_blocks
from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Kind

HU = Kind(depth="int16", low=-1024, high=3000, unit="HU")
LPS = np.diag([-1.0, -1.0, 2.0, 1.0])
"""In NIfTI's RAS: standing order is the array's own."""


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))


def draw_volumes(folder: Path, count: int = 1, size: tuple[int, int, int] = (20, 18, 26), affine: Any = LPS) -> Path:
    """CT-like int16 in A, its negative in B, the first and the last slice empty, and a mask."""
    rng = np.random.default_rng(0)
    for side in ("A", "B", "masks"):
        (folder / side).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        values = rng.integers(-1000, 1000, size, dtype=np.int16)
        values[..., 0] = values[..., -1] = -1024
        save_nifti(folder / "A" / f"p{number}.nii.gz", values, affine)
        save_nifti(folder / "B" / f"p{number}.nii", -values, affine)
        mask = np.zeros(size, np.uint8)
        mask[12:16, 3:5, 5:9] = 1
        save_nifti(folder / "masks" / f"p{number}.nii.gz", mask, affine)
    return folder


def settings_of(folder: Path, slices: int = 3, **more: Any) -> DataSettings:
    sizes: dict[str, Any] = {"load_size": 8, "crop_size": 8, "fit": "none", "mirror": False}
    return DataSettings(folder=str(folder), slices=slices, source=HU, target=HU, **sizes | more)


@pytest.mark.parametrize("axis", ["axial", "coronal", "sagittal"])
def test_a_sample_is_a_slice_with_its_neighbours_and_its_partner(tmp_path: Path, axis: Any) -> None:
    import nibabel

    folder = draw_volumes(tmp_path)
    settings = settings_of(folder, axis=axis, validation_share=0.3)
    dataset = open_dataset(settings, "train", train=False, own=True)
    source, target = dataset.stored(0, np.random.default_rng(0))
    values = np.asarray(nibabel.load(folder / "A" / "p0.nii.gz").dataobj).transpose(2, 1, 0)
    number = int(dataset.name(0).rpartition("_")[2])
    moved = np.moveaxis(values, ("axial", "coronal", "sagittal").index(axis), 0)
    expected = np.stack([moved[max(number - 1, 0)], moved[number], moved[number + 1]], axis=-1)
    expected = expected if axis == "axial" else expected[::-1]
    np.testing.assert_array_equal(source, expected)
    np.testing.assert_array_equal(target[..., 0], -expected[..., 1])
    assert source.dtype == np.int16
    assert settings.source == Kind("slices", "int16", 3, -1024, 3000, unit="HU")
    assert settings.target.colour == "grey"
    np.testing.assert_array_equal(
        settings.source.preview(settings.source.to_tensor(source))[..., 0],
        settings.target.preview(settings.target.to_tensor(source[..., 1:2]))[..., 0],
    )


def test_of_one_volume_blocks_are_held_out_with_a_gap_and_empty_slices_are_left_out(tmp_path: Path) -> None:
    layout = discover(settings_of(draw_volumes(tmp_path, size=(20, 18, 66)), validation_share=0.2))
    numbers = {split: [int(entry.name[-4:]) for entry in pile] for split, pile in layout.splits.items()}
    assert not {0, 65} & {*numbers["train"], *numbers["val"]}
    assert (
        min(abs(one - other) for one in numbers["train"] for other in numbers["val"]) == 4
    )  # 1 neighbour, 2 between, 1
    held = numbers["val"]
    assert [other - one for one, other in pairwise(held)].count(1) >= len(held) - 2
    assert "slices set apart in blocks" in layout.description


def test_too_few_slices_are_told(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="4 slices to learn from, too few to set some apart"):
        discover(settings_of(draw_volumes(tmp_path, size=(8, 8, 6))))


def test_held_blocks_are_never_all() -> None:
    for count in (2, 9, 91):
        for share in (0.05, 0.5, 0.99):
            assert 0 < len(held_blocks(count, share)) < count


def test_of_several_volumes_whole_ones_are_held_out(tmp_path: Path) -> None:
    layout = discover(settings_of(draw_volumes(tmp_path, count=4, size=(8, 8, 8)), slices=1))
    names = {split: {entry.name.split("_")[0] for entry in pile} for split, pile in layout.splits.items()}
    assert names["train"] | names["val"] == {"p0", "p1", "p2", "p3"}
    assert not names["train"] & names["val"]


def test_crops_are_drawn_inside_the_mask(tmp_path: Path) -> None:
    settings = settings_of(draw_volumes(tmp_path, count=2), volume_masks="masks", crop_size=4, load_size=4)
    entries = discover(settings).splits
    assert {int(entry.name[-4:]) for pile in entries.values() for entry in pile} <= {5, 6, 7, 8}
    dataset = open_dataset(settings, "train", train=True)
    whole, _ = open_dataset(settings, "train", train=False, own=True).stored(0, np.random.default_rng(0))
    corners = set()
    for draw in range(80):
        crop, _ = dataset.stored(0, np.random.default_rng(draw))
        (found,) = [
            (row, column)
            for row in range(15)
            for column in range(17)
            if np.array_equal(whole[row : row + 4, column : column + 4], crop)
        ]
        corners.add(found)
    assert corners == {(row, column) for row in (1, 2) for column in (10, 11, 12, 13)}  # of the mask 3:5, 12:16


def test_a_folder_for_each_patient(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for patient in ("1BA001", "1BA005", "1BA009"):
        (tmp_path / patient).mkdir()
        for name in ("mr", "ct", "mask"):
            save_nifti(tmp_path / patient / f"{name}.nii.gz", rng.integers(0, 2, (8, 8, 6), dtype=np.int16), LPS)
    layout = discover(settings_of(tmp_path, volume_masks="mask"))
    assert "a folder for each patient, with mr and ct" in layout.description
    entry: Any = layout.splits["train"][0]
    assert [file.path.name for file in (*entry.a, entry.b, entry.mask)] == ["mr.nii.gz", "ct.nii.gz", "mask.nii.gz"]


def test_partners_on_other_grids_and_without_masks_are_refused(tmp_path: Path) -> None:
    folder = draw_volumes(tmp_path / "a")
    values = np.zeros((20, 18, 26), np.int16)
    for affine, words in (
        (np.diag([-1.0, -1, 3, 1]), "spacing is 1x1x3 mm, not 1x1x2"),
        (np.diag([1.0, -1, 2, 1]), "axes run RPS, not LPS"),
    ):
        save_nifti(folder / "B" / "p0.nii", values, affine)
        with pytest.raises(DiptychError, match=words):
            discover(settings_of(folder))
    save_nifti(folder / "B" / "p0.nii", values[..., :9], LPS)
    with pytest.raises(DiptychError, match=r"has 9x18x20 voxels, and .* 26x18x20"):
        discover(settings_of(folder))
    folder = draw_volumes(tmp_path / "b", count=2)
    (folder / "masks" / "p1.nii.gz").unlink()
    with pytest.raises(DiptychError, match="p1 has no mask in masks"):
        discover(settings_of(folder, volume_masks="masks"))
    empty = save_nifti(folder / "masks" / "p1.nii.gz", np.zeros((20, 18, 26), np.uint8), LPS)
    with pytest.raises(DiptychError, match=f"{empty.name} marks nothing"):
        discover(settings_of(folder, volume_masks="masks"))


def test_volumes_without_the_setting_and_settings_that_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"holds volumes: set data.slices=1"):
        discover(DataSettings(folder=str(draw_volumes(tmp_path))))
    for wrong in ({"slices": 2}, {"slices": 0, "axis": "coronal"}, {"task": "holed"}, {"layout": "folders"}):
        with pytest.raises(UsageError, match=r"data\.slices|data\.axis"):
            settings_of(tmp_path, **wrong)


def test_a_deep_volume_is_not_scaled_to_eight_bits(tmp_path: Path) -> None:
    folder = draw_volumes(tmp_path)
    for side in ("A", "B"):
        for path in (folder / side).iterdir():
            path.unlink()
        save_nifti(folder / side / "p0.nii", np.arange(20 * 18 * 26, dtype=np.uint16).reshape(20, 18, 26), LPS)
    plain = DataSettings(folder=str(folder), slices=1, load_size=8, crop_size=8, fit="none")
    with pytest.raises(DiptychError, match=r"uint16 values up to .*, and uint8 is wanted"):
        open_dataset(plain, "train", train=True).sample(0, np.random.default_rng(0))
    wide = Kind(depth="float32", high=9360)
    kept = DataSettings(folder=str(folder), slices=1, source=wide, target=wide, load_size=18, crop_size=18, fit="none")
    source, _ = open_dataset(kept, "val", train=False, own=True).stored(0, np.random.default_rng(0))
    assert source.max() > 9000  # the value itself


@pytest.mark.slow
@pytest.mark.parametrize("system", ["pix2pix", "cyclegan", "reggan", "travelgan"])
def test_every_system_for_plain_pictures_takes_stacks_of_slices(tmp_path: Path, system: str) -> None:
    folder = draw_volumes(tmp_path / "set", count=3, size=(20, 20, 10))
    unpaired = ["data.task=unpaired"] if system in ("cyclegan", "travelgan") else []
    recipe = tiny_recipe(system, folder, *unpaired, *recipe_words())
    assert run_to_end(recipe, tmp_path / "run")[0].saved_steps()


def recipe_words() -> list[str]:
    kind = '{depth="int16",low=-1024,high=3000,unit="HU"}'
    return ["data.slices=3", f"data.source={kind}", f"data.target={kind}", "data.fit=none", "data.cache_gib=0"]


def test_resume_is_exact(tmp_path: Path) -> None:
    folder = draw_volumes(tmp_path / "set", size=(20, 20, 30), count=2)
    words = [*recipe_words(), "data.volume_masks=masks"]
    whole, _ = run_to_end(tiny_recipe("pix2pix", folder, *words), tmp_path / "whole")
    run_to_end(tiny_recipe("pix2pix", folder, *words, "training.steps=3"), tmp_path / "parts")
    parts, _ = run_to_end(tiny_recipe("pix2pix", folder, *words), tmp_path / "parts")
    assert_equal(weights(whole), weights(parts))
