"""What is written is read by other libraries with the same values, place and tags."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # as its own documents call it
from volumes.conftest import oblique_affine, save_nifti, save_series

from diptych.errors import DiptychError
from diptych.volumes.opening import open_volume
from diptych.volumes.volume import Volume
from diptych.volumes.writing import write_volume


def other_values(like: Volume, depth: str) -> Any:
    rng = np.random.default_rng(0)
    return (rng.normal(0, 40, like.shape) + 100).astype(depth)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mha", ".nrrd"])
@pytest.mark.parametrize("depth", ["uint8", "int16", "float32"])
def test_simpleitk_reads_the_values_and_the_place_of_the_source(
    tmp_path: Path, values: Any, ending: str, depth: str
) -> None:
    like = open_volume(save_nifti(tmp_path / "source.nii.gz", values))
    standing = other_values(like, depth)
    write_volume(tmp_path / f"made{ending}", standing, like)
    source, made = sitk.ReadImage(str(tmp_path / "source.nii.gz")), sitk.ReadImage(str(tmp_path / f"made{ending}"))
    found = sitk.GetArrayFromImage(made)
    assert found.dtype == depth
    np.testing.assert_array_equal(like.geometry.orientation.standing(found), standing)
    np.testing.assert_allclose(made.GetOrigin(), source.GetOrigin(), atol=1e-5)
    np.testing.assert_allclose(made.GetDirection(), source.GetDirection(), atol=1e-6)
    np.testing.assert_allclose(made.GetSpacing(), source.GetSpacing(), atol=1e-6)


def test_a_nifti_keeps_its_header(tmp_path: Path, values: Any) -> None:
    import nibabel

    image = nibabel.Nifti1Image(values, oblique_affine())
    image.set_sform(oblique_affine(), 4)
    image.set_qform(oblique_affine(), 2)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"kept" * 9))
    image.header["intent_name"] = b"intent"
    nibabel.save(image, tmp_path / "source.nii")
    like = open_volume(tmp_path / "source.nii")
    write_volume(tmp_path / "made.nii.gz", other_values(like, "float32"), like)
    made = nibabel.load(tmp_path / "made.nii.gz")
    np.testing.assert_array_equal(made.affine, nibabel.load(tmp_path / "source.nii").affine)
    assert (int(made.header["sform_code"]), int(made.header["qform_code"])) == (4, 2)
    assert made.header.extensions[0].get_content().startswith(b"kept")
    assert bytes(made.header["intent_name"]).startswith(b"intent")
    assert b"derived" in bytes(made.header["descrip"])
    np.testing.assert_array_equal(
        like.geometry.orientation.standing(made.get_fdata(dtype=np.float32).transpose(2, 1, 0)),
        other_values(like, "float32"),
    )


@pytest.mark.parametrize("depth", ["int16", "float32"])
def test_a_dicom_series_is_derived_from_its_source(tmp_path: Path, values: Any, depth: str) -> None:
    import pydicom

    like = open_volume(save_series(tmp_path / "ct", values.transpose(2, 1, 0)))
    standing = other_values(like, depth)
    write_volume(tmp_path / "made", standing, like, "HU")
    made = open_volume(tmp_path / "made")
    assert made.geometry == like.geometry
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "made")))
    found = sitk.GetArrayFromImage(reader.Execute())
    tolerance = 0 if depth == "int16" else np.ptp(standing) / 65535
    np.testing.assert_allclose(found, standing, rtol=0, atol=tolerance)
    sources = {str(header.SOPInstanceUID) for header in like.headers}  # type: ignore[attr-defined]
    identifiers = set()
    for path in sorted((tmp_path / "made").iterdir()):
        one, source = pydicom.dcmread(path), pydicom.dcmread(tmp_path / "ct" / path.name)
        assert list(one.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
        assert one.SeriesInstanceUID != source.SeriesInstanceUID
        assert (one.StudyInstanceUID, one.FrameOfReferenceUID, one.PatientID) == ("1.2.3", "1.2.3.9", "7")
        assert one.ImagePositionPatient == source.ImagePositionPatient
        assert one.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
        assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
        identifiers.add(str(one.SOPInstanceUID))
    assert len(identifiers) == 5
    assert not identifiers & sources


def test_what_cannot_be_written_is_refused(tmp_path: Path, values: Any) -> None:
    like = open_volume(save_nifti(tmp_path / "source.nii", values))
    for name, words in (
        ("made", "DICOM series"),
        ("made.png", "no ending of a volume"),
        ("made.mhd", "read and not written"),
    ):
        with pytest.raises(DiptychError, match=words):
            write_volume(tmp_path / name, other_values(like, "int16"), like)
    with pytest.raises(DiptychError, match="must be one"):
        write_volume(tmp_path / "made.nii", np.zeros((2, 2, 2), np.int16), like)
