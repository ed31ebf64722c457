"""Translating volumes: geometry, exactness against the plain way, going on after a stop, and refusals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commanding import Typed
from toys import run_to_end, tiny_recipe
from volumes.conftest import save_nifti, save_series
from volumes.test_sets import draw_volumes, recipe_words

from diptych import Translator
from diptych.errors import DiptychError, UsageError
from diptych.translator.volumes import VolumeJob, planes_of
from diptych.volumes.opening import open_volume


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("volumes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIPTYCH_CACHE", str(folder / "cache"))
        recipe = tiny_recipe("pix2pix", draw_volumes(folder / "set", count=2), *recipe_words())
        return run_to_end(recipe, folder / "run")[0].folder


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def ct() -> Any:
    return np.random.default_rng(3).integers(-1024, 1500, (21, 19, 6), dtype=np.int16)


def quiet(plane: str, done: int, total: int) -> None:
    pass


def test_a_nifti_is_what_each_slice_gives_alone(run: Path, tmp_path: Path, ct: Any) -> None:
    import nibabel

    source = save_nifti(tmp_path / "mr.nii.gz", ct)
    out = tmp_path / "ct.nii.gz"
    translator = Translator.load(run)
    VolumeJob(translator, [source], out, batch=2).run(quiet)
    made, read = nibabel.load(out), nibabel.load(source)
    np.testing.assert_array_equal(made.affine, read.affine)
    assert made.get_data_dtype() == np.int16
    assert not list(tmp_path.glob(".*unfinished"))
    volume = open_volume(source)
    standing = volume.slab(0, 0, volume.shape[0])
    found = open_volume(out).slab(0, 0, volume.shape[0])
    for place in (0, 3, len(standing) - 1):
        near = [max(place - 1, 0), place, min(place + 1, len(standing) - 1)]
        alone = translator.stored(np.ascontiguousarray(np.moveaxis(standing[near], 0, -1)))
        np.testing.assert_array_equal(found[place], alone[..., 0])
    np.testing.assert_array_equal(translator(standing), found)


def test_the_mean_of_three_planes(run: Path, tmp_path: Path, ct: Any) -> None:
    source = save_nifti(tmp_path / "mr.nii.gz", ct, np.diag([-1.0, -1, 1, 1]))
    translator = Translator.load(run)
    VolumeJob(translator, [source], tmp_path / "ct.mha", axis="all").run(quiet)
    standing = ct.transpose(2, 1, 0)
    planes = [translator.volume(standing, axis=axis).astype(float) for axis in ("axial", "coronal", "sagittal")]
    found = open_volume(tmp_path / "ct.mha").slab(0, 0, 6)
    np.testing.assert_array_equal(found, np.rint(np.mean(planes, axis=0)))
    assert np.abs(planes[0] - planes[1]).max() > 0


def test_what_was_done_before_a_stop_is_kept(
    run: Path, tmp_path: Path, ct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, translator = save_nifti(tmp_path / "mr.nii", ct), Translator.load(run)
    VolumeJob(translator, [source], tmp_path / "whole.nii.gz").run(quiet)

    def stop(plane: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        VolumeJob(translator, [source], tmp_path / "parts.nii.gz").run(stop)
    assert not (tmp_path / "parts.nii.gz").exists()
    done: list[int] = []
    VolumeJob(translator, [source], tmp_path / "parts.nii.gz").run(lambda plane, number, total: done.append(number))
    assert done == [6]
    assert (tmp_path / "whole.nii.gz").read_bytes() == (tmp_path / "parts.nii.gz").read_bytes()


def test_other_weights_begin_anew(run: Path, tmp_path: Path, ct: Any) -> None:
    source, translator = save_nifti(tmp_path / "mr.nii", ct), Translator.load(run)

    def stop(plane: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        VolumeJob(translator, [source], tmp_path / "ct.nii", identity="a").run(stop)
    done: list[int] = []
    VolumeJob(translator, [source], tmp_path / "ct.nii", identity="b").run(
        lambda plane, number, total: done.append(number)
    )
    assert done == [1, 2, 3, 4, 5, 6]


def test_the_command(run: Path, tmp_path: Path, ct: Any, typed: Typed) -> None:
    import pydicom

    series = save_series(tmp_path / "series", ct.transpose(2, 1, 0))
    said = typed("translate", run, series, "--out", tmp_path / "made")
    assert said.code == 0
    assert "Not for diagnosis" in said.out
    assert open_volume(tmp_path / "made").geometry == open_volume(series).geometry
    one = pydicom.dcmread(next((tmp_path / "made").iterdir()))
    assert (one.ImageType[0], one.RescaleType) == ("DERIVED", "HU")
    (tmp_path / "in").mkdir()
    save_nifti(tmp_path / "in" / "a.nii.gz", ct)
    save_nifti(tmp_path / "in" / "b.nii", ct)
    assert typed("translate", run, tmp_path / "in", "--out", tmp_path / "out", "--axis", "all").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.nii.gz", "b.nii"]
    assert "is there already and is kept" in typed("translate", run, tmp_path / "in", "--out", tmp_path / "out").out


def test_refusals(run: Path, tmp_path: Path, ct: Any) -> None:
    translator = Translator.load(run)
    broken = ct.astype(np.float32)
    broken[3, 3, 2] = np.nan
    source = save_nifti(tmp_path / "nan.nii", broken)
    with pytest.raises(DiptychError, match=r"not finite .* axial slices 2"):
        VolumeJob(translator, [source], tmp_path / "out.nii")
    plain = save_nifti(tmp_path / "plain.nii", ct)
    with pytest.raises(DiptychError, match="DICOM series, which takes its tags from one"):
        VolumeJob(translator, [plain], tmp_path / "out")
    with pytest.raises(UsageError, match="takes 1 volumes"):
        VolumeJob(translator, [plain, plain], tmp_path / "out.nii")
    with pytest.raises(UsageError, match='the axis is "upwards"'):
        VolumeJob(translator, [plain], tmp_path / "out.nii", axis="upwards")
    gaps = replace(translator.card, target=replace(translator.card.target, nodata=-2000))
    with pytest.raises(UsageError, match="pixels without data have no mean"):
        planes_of(gaps, "all")
    assert planes_of(gaps) == ("axial",)
    tilted = save_series(tmp_path / "tilted", ct.transpose(2, 1, 0), tilt=0.6)
    VolumeJob(translator, [tilted], tmp_path / "out.nii")
    with pytest.raises(DiptychError, match="tilted gantry"):
        VolumeJob(translator, [tilted], tmp_path / "out.nii", axis="all")
    with pytest.raises(UsageError, match="three axes"):
        translator.volume(ct[0])
    cards = json.loads((run / "card.json").read_text())
    assert cards["translators"][0]["provenance"]["slices"] == "3"
