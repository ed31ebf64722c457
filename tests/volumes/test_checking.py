"""`diptych data check` of volumes: what is there, and what is doubtful."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commanding import Typed, refused
from volumes.conftest import save_nifti
from volumes.test_sets import LPS, draw_volumes, recipe_words

KINDS = recipe_words()[:3]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))


def test_what_there_is_is_said(tmp_path: Path, typed: Typed) -> None:
    said = typed("data", "check", draw_volumes(tmp_path / "set", count=3), "data.slices=3")
    assert said.code == 1  # the default Kind is of 8 bits
    assert "The source volumes: 20x18x26 voxels of 1x1x2 mm, stored as LPS, int16 from -1024 to 999" in said.out
    assert "data.source.depth=int16 data.source.low=-1024 data.source.high=999" in said.out
    assert "6 slices without anything are left out" in said.out
    problems = [line for line in said.out.splitlines() if line.startswith("PROBLEM")]
    assert len(problems) <= 3, "one for each volume, not for each slice"
    assert all("is of a volume of int16 values from -1024 to 999, and uint8 is wanted" in line for line in problems)
    assert "No problems found" in typed("data", "check", tmp_path / "set", *KINDS).out


def test_what_is_doubtful_is_said(tmp_path: Path, typed: Typed) -> None:
    folder = draw_volumes(tmp_path / "set", count=3)
    rng = np.random.default_rng(0)
    other: Any = rng.integers(-1000, 1000, (20, 18, 26), dtype=np.int16)
    for side in ("A", "B"):
        save_nifti(folder / side / "p3.nii.gz", other, np.diag([-1.0, -1, 3, 1]))
    mostly = np.where(np.arange(26) < 20, 0, other).astype(np.float32)
    mostly[4, 4, 22] = np.nan
    for side in ("A", "B"):
        save_nifti(folder / side / "p4.nii.gz", mostly, LPS)
    said = typed("data", "check", folder, *KINDS)
    assert said.code == 1
    for words in (
        "WARNING (mixed spacing): " + str(folder / "A" / "p3.nii.gz") + " has voxels of 1x1x3 mm, and most have 1x1x2",
        "p4.nii.gz has 20 of 26 axial slices without anything",
        "PROBLEM (not finite): "
        + str(folder / "A" / "p4.nii.gz")
        + " holds values that are not finite (NaN or infinity) in axial slices 22",
    ):
        assert words in said.out, said.out


def test_a_recipe_is_chosen_for_volumes(tmp_path: Path, typed: Typed) -> None:
    said = typed("train", draw_volumes(tmp_path / "set", count=3, size=(40, 40, 9)), *KINDS, "--dry-run")
    assert said.code == 0, said
    assert "data.fit=none" in said.out
    assert "data.direction" not in said.out


def test_folders_of_volumes_are_judged(tmp_path: Path, typed: Typed) -> None:
    folder = draw_volumes(tmp_path / "set", count=3)
    said = typed("evaluate", "--outputs", folder / "A", "--targets", folder / "B", "--masks", folder / "masks",
                 "--protocol", "synthrad2023", "--out", tmp_path / "judged")  # fmt: skip
    assert said.code == 0, said
    assert "3 volumes of 20x18x26 voxels, -1024 to 3000 HU" in said.out
    rows = (tmp_path / "judged" / "pictures.csv").read_text().splitlines()
    import nibabel

    one, other, mask = (
        np.asarray(nibabel.load(folder / place).dataobj) for place in ("A/p0.nii.gz", "B/p0.nii", "masks/p0.nii.gz")
    )
    expected = np.abs(one.astype(float) - other)[mask > 0].mean()
    assert rows[0] == "picture,mae,psnr,ssim"
    assert float(rows[1].split(",")[1]) == pytest.approx(expected)
    assert (tmp_path / "judged" / "sheet.png").is_file()
    refused(typed("evaluate", "--outputs", folder / "A"), 2, "--targets")
    refused(
        typed("evaluate", "--outputs", folder / "A", "--targets", folder / "B", "--protocol", "2024"), 2, "synthrad2023"
    )
    save_nifti(folder / "masks" / "p1.nii.gz", np.zeros((20, 18, 26), np.uint8), LPS)
    refused(
        typed("evaluate", "--outputs", folder / "A", "--targets", folder / "B", "--masks", folder / "masks"),
        1,
        "marks nothing",
    )
