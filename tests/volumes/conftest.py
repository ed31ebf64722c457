"""Drawn volumes, and files of them that other libraries write."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

OBLIQUE = np.array([[1.0, 0.02, 0.01, -30.0], [-0.02, 1.2, 0.03, 12.5], [-0.008, -0.025, 2.5, 7.25], [0, 0, 0, 1]])
"""Nearly perpendicular; made so below."""


def oblique_affine() -> npt.NDArray[np.float64]:
    """A turned grid with three spacings, in NIfTI's RAS."""
    turned, _ = np.linalg.qr(OBLIQUE[:3, :3])
    turned *= np.sign(np.diag(turned))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turned * [0.75, 1.25, 2.5], [-30.5, 12.25, 7.125]
    return affine


@pytest.fixture
def values() -> npt.NDArray[np.int16]:
    """(i, j, k) = (7, 6, 5) of int16 with both signs, all different."""
    return (np.arange(7 * 6 * 5).reshape(7, 6, 5) * 13 - 1024).astype(np.int16)


def save_nifti(path: Path, array: Any, affine: Any = None, slope: float | None = None, code: int = 1) -> Path:
    import nibabel

    image = nibabel.Nifti1Image(array, oblique_affine() if affine is None else affine)
    image.set_sform(image.affine, code)
    image.set_qform(image.affine, code)
    image.header.set_xyzt_units("mm")
    if slope is not None:
        image.header.set_slope_inter(slope, -3.0)
    nibabel.save(image, path)
    return path


def save_series(folder: Path, array: Any, skip: tuple[int, ...] = (), tilt: float = 0.0, **changes: Any) -> Path:
    """(k, j, i) of 12-bit CT as a DICOM series with intercept -1024, written by pydicom."""
    import pydicom
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(array):
        if number in skip:
            continue
        one = pydicom.Dataset()
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = CTImageStorage
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = f"1.2.3.4.{number + 1}"
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = "1.2.3", "1.2.3.4", "1.2.3.9"
        one.PatientName, one.PatientID, one.Modality = "Drawn", "7", "CT"
        one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        one.PixelSpacing, one.SliceThickness = [1.25, 0.75], 2.5
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [-30.5, 12.25 + tilt * number, 7.125 + 2.5 * number]
        one.RescaleSlope, one.RescaleIntercept, one.InstanceNumber = 1, -1024, number + 1
        one.set_pixel_data((picture + 1024).astype(np.uint16), "MONOCHROME2", 12, generate_instance_uid=False)
        for key, value in changes.items():
            setattr(one, key, value[number] if isinstance(value, list) and key != "PixelSpacing" else value)
        one.save_as(folder / f"slice{len(array) - number:03d}.dcm", enforce_file_format=True)  # names run the other way
    return folder
