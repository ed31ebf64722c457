"""What is read has the values and the place that the libraries themselves say, and faults are told."""

import gzip
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from volumes.conftest import oblique_affine, save_nifti, save_series

from diptych.errors import DiptychError
from diptych.volumes.geometry import LPS_FROM_RAS
from diptych.volumes.opening import open_volume, volumes_in
from diptych.volumes.store import slices_of


def whole(path: Path) -> Any:
    volume = open_volume(path)
    return volume.slab(0, 0, volume.shape[0])


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_nifti_in_every_orientation_is_brought_to_standing_order_as_nibabel_does(
    tmp_path: Path, ending: str, values: Any
) -> None:
    import nibabel

    for number, letters in enumerate(("RAS", "LPS", "LIA", "PSR", "IAL")):
        image = nibabel.Nifti1Image(values, np.diag([2.0, 3.0, 4.0, 1.0]))
        turned = image.as_reoriented(
            nibabel.orientations.ornt_transform(
                nibabel.orientations.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(tuple(letters))
            )
        )
        path = tmp_path / f"{number}{ending}"
        nibabel.save(turned, path)
        assert open_volume(path).geometry.letters == "".join(nibabel.aff2axcodes(turned.affine)) == letters
        standing = np.asarray(image.dataobj).transpose(2, 1, 0)[:, ::-1, ::-1]  # of RAS: head, back, left
        np.testing.assert_array_equal(whole(path), standing)
        for axis in range(3):
            np.testing.assert_array_equal(open_volume(path).slab(axis, 1, 4), standing.take(range(1, 4), axis))
            np.testing.assert_array_equal(
                slices_of(path, axis, tmp_path / "cache").array, np.moveaxis(standing, axis, 0)
            )


def test_integers_stay_integers_and_scaled_ones_are_what_nibabel_says(tmp_path: Path, values: Any) -> None:
    import nibabel

    plain = save_nifti(tmp_path / "plain.nii.gz", values)
    assert open_volume(plain).depth == "int16"
    assert whole(plain).dtype == np.int16
    scaled = save_nifti(tmp_path / "scaled.nii", (values / 64).astype(np.float32).astype(np.int16), slope=0.25)
    expected = nibabel.load(scaled).get_fdata()
    assert open_volume(scaled).depth == "float32"
    np.testing.assert_array_equal(
        open_volume(scaled).part((slice(0, 5), slice(0, 6), slice(0, 7))), expected.transpose(2, 1, 0)
    )


def test_metaimage_and_nrrd_agree_with_nifti_of_the_same_place(tmp_path: Path, values: Any) -> None:
    import SimpleITK as sitk  # noqa: N813  # as its own documents call it

    image = sitk.GetImageFromArray(values.transpose(2, 1, 0))
    affine = LPS_FROM_RAS @ oblique_affine()
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    nifti = open_volume(save_nifti(tmp_path / "one.nii", values))
    for name in ("one.mha", "one.mhd", "one.nrrd"):
        sitk.WriteImage(image, str(tmp_path / name), useCompression=name == "one.nrrd")
        volume = open_volume(tmp_path / name)
        assert volume.depth == "int16"
        assert volume.geometry.differs(nifti.geometry, volume.stored_shape) < 1e-4
        np.testing.assert_array_equal(whole(tmp_path / name), whole(tmp_path / "one.nii"))


def test_a_dicom_series_is_in_hounsfield_units_and_ordered_by_place(tmp_path: Path, values: Any) -> None:
    import SimpleITK as sitk  # noqa: N813  # as its own documents call it

    array = values.transpose(2, 1, 0)
    folder = save_series(tmp_path / "ct", array)
    volume = open_volume(folder)
    assert (volume.depth, volume.geometry.letters, volume.geometry.frame) == ("int16", "LPS", "1.2.3.9")
    np.testing.assert_array_equal(whole(folder), array)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    outside = reader.Execute()
    np.testing.assert_allclose(volume.geometry.spacing, outside.GetSpacing())
    np.testing.assert_allclose(volume.geometry.origin, outside.GetOrigin())
    np.testing.assert_array_equal(sitk.GetArrayFromImage(outside), array)


def test_stacks_have_no_place(tmp_path: Path, values: Any) -> None:
    import tifffile

    array = values.transpose(2, 1, 0)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", compression="zlib")
    np.save(tmp_path / "b.npy", array)
    for name in ("a.tif", "b.npy"):
        assert open_volume(tmp_path / name).geometry.letters == "?"
        np.testing.assert_array_equal(whole(tmp_path / name), array)


def test_faults_are_one_sentence(tmp_path: Path, values: Any) -> None:
    def told(path: Path, words: str) -> None:
        with pytest.raises(DiptychError, match=words):
            slices_of(path, 0, tmp_path / "cache")

    array = values.transpose(2, 1, 0)
    plain, zipped = save_nifti(tmp_path / "a.nii", values), save_nifti(tmp_path / "a.nii.gz", values)
    plain.write_bytes(plain.read_bytes()[:-100])
    told(plain, "truncated")
    zipped.write_bytes(zipped.read_bytes()[:-60])
    told(zipped, "truncated or damaged")
    inside = gzip.compress(gzip.decompress(save_nifti(tmp_path / "c.nii.gz", values).read_bytes())[:-100])
    (tmp_path / "c.nii.gz").write_bytes(inside)
    told(tmp_path / "c.nii.gz", "truncated")
    told(
        save_nifti(tmp_path / "4d.nii", np.zeros((4, 4, 4, 3), np.int16)), "4 axes .4x4x4x3., such as a series in time"
    )
    told(save_nifti(tmp_path / "2d.nii", np.zeros((4, 4), np.int16)), "no volume")
    told(tmp_path / "none.nii", "not there")
    (tmp_path / "e.mha").write_bytes(b"")
    told(tmp_path / "e.mha", "empty")
    (tmp_path / "f.nii").write_bytes(b"not a volume at all" * 40)
    told(tmp_path / "f.nii", "damaged")
    told(save_series(tmp_path / "gap", array, skip=(2,)), "not evenly spaced.*9.62 and 14.62|not evenly spaced")
    told(save_series(tmp_path / "mixed", array, PixelSpacing=[1.0, 1.0], Rows=[6, 6, 6, 6, 5]), "another Rows")
    told(save_series(tmp_path / "two", array, SeriesInstanceUID=[f"1.2.{n // 3}" for n in range(5)]), "holds 2 series")
    (save_series(tmp_path / "odd", array) / "notes.txt").write_text("x")
    told(tmp_path / "odd", "no DICOM file")
    half = next(iter(sorted(save_series(tmp_path / "half", array).iterdir())))
    half.write_bytes(half.read_bytes()[:-20])
    told(tmp_path / "half", "truncated or damaged")


def test_a_tilted_gantry_and_two_forms_that_differ_are_remarked(tmp_path: Path, values: Any) -> None:
    import nibabel

    tilted = open_volume(save_series(tmp_path / "tilted", values.transpose(2, 1, 0), tilt=0.5))
    assert abs(tilted.geometry.tilt - np.degrees(np.arctan(0.5 / 2.5))) < 0.2
    assert "gantry tilt of 11.3 degrees" in tilted.remarks[0]
    with pytest.raises(DiptychError, match="coronal slices would be skewed"):
        tilted.require_plane("coronal")
    assert tilted.require_plane("axial") == 0
    image = nibabel.Nifti1Image(values, np.diag([2.0, 2, 2, 1]))
    image.set_sform(np.diag([2.0, 2, 2, 1]), 4)
    image.set_qform(np.diag([3.0, 3, 3, 1]), 1)
    nibabel.save(image, tmp_path / "forms.nii")
    (remark,) = open_volume(tmp_path / "forms.nii").remarks
    assert "sform and a qform that differ by up to 8.77 mm" in remark
    assert open_volume(tmp_path / "forms.nii").geometry.spacing == (2.0, 2.0, 2.0)
    bare = nibabel.Nifti1Image(values, None)
    bare.header.set_zooms((1.5, 1.5, 3.0))
    nibabel.save(bare, tmp_path / "bare.nii")
    assert "no sform or qform" in open_volume(tmp_path / "bare.nii").remarks[0]


@pytest.mark.parametrize("syntax", ["JPEGLSLossless", "JPEG2000Lossless", "RLELossless"])
def test_compressed_dicom_is_exact(tmp_path: Path, values: Any, syntax: str) -> None:
    import pydicom

    array = np.kron(values.transpose(2, 1, 0), np.ones((1, 6, 6), np.int16))
    folder = save_series(tmp_path / "ct", array)
    for path in folder.iterdir():
        one = pydicom.dcmread(path)
        one.compress(getattr(pydicom.uid, syntax), generate_instance_uid=False)
        one.save_as(path)
    np.testing.assert_array_equal(whole(folder), array)


def test_what_is_a_volume_in_a_folder(tmp_path: Path, values: Any) -> None:
    save_nifti(tmp_path / "b10.nii.gz", values)
    save_nifti(tmp_path / "b9.nii", values)
    save_series(tmp_path / "c", values.transpose(2, 1, 0))
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"x")
    (tmp_path / "readme.txt").write_text("x")
    assert [path.name for path in volumes_in(tmp_path)] == ["b9.nii", "b10.nii.gz", "c"]


def test_slices_at_the_ends_repeat_the_last_and_facts_are_kept(tmp_path: Path, values: Any) -> None:
    values[:, :, 2] = 5
    slices = slices_of(save_nifti(tmp_path / "a.nii.gz", values, np.diag([-1.0, -1, 1, 1])), 0, tmp_path / "cache")
    array = values.transpose(2, 1, 0)
    np.testing.assert_array_equal(slices.stack(0, 3), np.stack([array[0], array[0], array[1]], axis=-1))
    np.testing.assert_array_equal(slices.stack(4, 3), np.stack([array[3], array[4], array[4]], axis=-1))
    assert slices.facts.occupied == (0, 1, 3, 4)
    assert sorted(path.suffix for path in (tmp_path / "cache").iterdir()) == [".json", ".npy"]


def test_working_copies_stay_under_their_limit(tmp_path: Path, values: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_VOLUME_CACHE_GIB", str(1000 / 2**30))
    for name in ("a", "b", "c"):
        slices_of(save_nifti(tmp_path / f"{name}.nii.gz", values), 1, tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.npy"))) <= 2


def test_every_axis_order_and_flip_comes_back(values: Any) -> None:
    from diptych.volumes.geometry import Geometry

    for signs in product((1, -1), repeat=3):
        for order in ((0, 1, 2), (1, 2, 0), (2, 1, 0)):
            affine = np.eye(4)
            affine[:3, :3] = np.eye(3)[list(order)] * signs
            orientation = Geometry.of(affine).orientation
            np.testing.assert_array_equal(orientation.stored(orientation.standing(values)), values)
