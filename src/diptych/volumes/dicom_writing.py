"""Write a DICOM series that was derived from another: its patient, study and place, with identifiers of its own."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError, write_error
from diptych.files import atomic_output, is_vacant
from diptych.volumes.dicom import Dicom
from diptych.volumes.geometry import Values

STALE = (
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "WindowCenterWidthExplanation",
    "VOILUTSequence",
    "VOILUTFunction",
    "ModalityLUTSequence",
    "RealWorldValueMappingSequence",
    "IconImageSequence",
)
"""Tags that speak of the source's values."""
DERIVATION = "Computed from the source images by diptych; not acquired"
MAX_DESCRIPTION = 64  # characters of SeriesDescription


def write_series(folder: Path, stored: Values, like: Dicom, unit: str = "") -> None:
    """One file for each slice, called as its source.

    The identifiers are made of the source's and of the values, so the same translation gives the same files.

    Args:
        folder: is not there yet, or is empty.
        stored: (slice, row, column) in the order of ``like``.
        like: the source.
        unit: becomes the RescaleType.

    Raises:
        DiptychError: where the folder holds something, or cannot be written.
    """
    if not is_vacant(folder):
        raise DiptychError(f"{folder} holds something already; name a new folder, or remove it.")
    digest = hashlib.sha256()
    for picture in stored:
        digest.update(np.ascontiguousarray(picture).tobytes())
    uid = like.pydicom.uid.generate_uid
    series = uid(entropy_srcs=[str(like.headers[0].get("SeriesInstanceUID", "")), digest.hexdigest()])
    range_ = float(stored.min()), float(stored.max())
    try:
        with atomic_output(folder) as beside:
            beside.mkdir()
            for number, picture in enumerate(stored):
                derived = derived_slice(like, number, np.ascontiguousarray(picture), range_, unit)
                derived.SeriesInstanceUID = series
                derived.SOPInstanceUID = uid(entropy_srcs=[series, str(number)])
                derived.file_meta.MediaStorageSOPInstanceUID = derived.SOPInstanceUID
                derived.save_as(beside / like.files[number].name, enforce_file_format=True)
    except OSError as problem:
        raise write_error(folder, problem) from None


def derived_slice(like: Dicom, number: int, picture: Values, limits: tuple[float, float], unit: str) -> Any:
    """The source's data set with other pixels, marked as derived."""
    pydicom = like.pydicom
    found = pydicom.dcmread(like.files[number])
    reference = pydicom.Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = found.SOPClassUID, found.SOPInstanceUID
    for key in STALE:
        if key in found:
            del found[key]
    found.remove_private_tags()
    network, overlays = range(1), range(0x6000, 0x6100)  # groups of tags
    for element in [one for one in found if one.tag.group in network or one.tag.group in overlays]:
        del found[element.tag]
    stored, slope, intercept = as_sixteen_bits(picture, limits)
    found.set_pixel_data(stored, "MONOCHROME2", 8 * stored.dtype.itemsize, generate_instance_uid=False)
    found.RescaleSlope, found.RescaleIntercept = decimal(pydicom, slope), decimal(pydicom, intercept)
    found.RescaleType = "HU" if unit == "HU" else "US"
    found.WindowCenter, found.WindowWidth = (
        decimal(pydicom, (limits[0] + limits[1]) / 2),
        decimal(pydicom, max(limits[1] - limits[0], 1.0)),
    )
    kind = [str(part) for part in found.get("ImageType", [])][2:]
    found.ImageType = ["DERIVED", "SECONDARY", *kind]
    found.DerivationDescription = DERIVATION
    found.SourceImageSequence = pydicom.Sequence([reference])
    description = str(found.get("SeriesDescription", "") or "")
    found.SeriesDescription = f"{description} (derived by diptych)".strip()[-MAX_DESCRIPTION:]
    found.SeriesNumber = int(found.get("SeriesNumber", 0) or 0) + 1000
    return found


def as_sixteen_bits(picture: Values, limits: tuple[float, float]) -> tuple[Values, float, float]:
    """(stored numbers, slope, intercept): integers of at most 16 bits as they are, others spread over uint16."""
    if picture.dtype.kind in "iu" and picture.dtype.itemsize <= 2:
        wide = np.int16 if picture.dtype == np.int8 else picture.dtype
        return picture.astype(wide, copy=False), 1.0, 0.0
    low, high = limits
    slope = float(f"{(high - low) / 65535:.9g}") or 1.0  # a decimal string has 16 characters
    intercept = float(f"{low:.9g}")
    spread = np.rint((picture.astype(np.float64) - intercept) / slope).clip(0, 65535)
    return spread.astype(np.uint16), slope, intercept


def decimal(pydicom: Any, value: float) -> Any:
    """A number as DICOM writes it, in at most 16 characters."""
    return pydicom.valuerep.DSfloat(float(f"{value:.9g}"), auto_format=True)
