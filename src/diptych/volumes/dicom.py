"""DICOM series: a folder of single-slice files, read by pydicom. What is missing or mixed is refused, not stretched over."""

from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError
from diptych.pictures.formats import natural, readable_errors
from diptych.volumes.geometry import Box, Geometry, Values
from diptych.volumes.optional import require_package
from diptych.volumes.volume import Volume, depth_for, require_volume, scaled

PASSED_OVER = ("DICOMDIR",)
UNEVEN = 0.05  # share of the spacing by which the distance of two slices may differ
ALIKE = (
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImageOrientationPatient",
    "BitsStored",
    "PixelRepresentation",
    "SamplesPerPixel",
)
"""What the slices of one volume have in common."""


class Dicom(Volume):
    """The slices of one series in the order of their places; values are in the unit of the rescale (CT: HU)."""

    def __init__(self, path: Path) -> None:
        pydicom = require_package("pydicom", path)
        self.pydicom, self.path = pydicom, path
        found = headers_in(pydicom, path)
        first = found[0][1]
        refuse_unlike(path, found)
        normal, affine_plane = plane_of(first, path)
        try:
            places = [np.array([float(one) for one in header.ImagePositionPatient]) for _, header in found]
        except (AttributeError, TypeError, ValueError):
            raise DiptychError(
                f"{path} has slices without a position (ImagePositionPatient); convert it to NIfTI first."
            ) from None
        order = sorted(range(len(found)), key=lambda number: float(places[number] @ normal))
        self.files = [found[number][0] for number in order]
        self.headers = [found[number][1] for number in order]
        step = even_step(path, [places[number] for number in order], normal)
        affine = affine_plane
        affine[:3, 2], affine[:3, 3] = step, places[order[0]]
        self.geometry = Geometry.of(affine, frame=str(first.get("FrameOfReferenceUID", "")))
        self.stored_shape = require_volume((len(found), int(first.Rows), int(first.Columns)), path)
        self.scales = [
            (float(one.get("RescaleSlope", 1)), float(one.get("RescaleIntercept", 0))) for one in self.headers
        ]
        signed, bits = int(first.PixelRepresentation), int(first.BitsStored)
        limits = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
        stored = f"{'int' if signed else 'uint'}{8 if bits <= 8 else 16}"
        if bits > 16:
            raise DiptychError(
                f"{path} has values of {bits} bits, and those of 16 are read; convert it to NIfTI first."
            )
        depths = {depth_for(stored, *scale, limits) for scale in self.scales}
        self.depth = depths.pop() if len(depths) == 1 else "float32"
        if self.geometry.tilt:
            words = f"a gantry tilt of {self.geometry.tilt:.1f} degrees, so its slices are shifted against each other"
            self.remarks = (f"{path} has {words}; its own plane can be translated, for others resample it first.",)

    def part(self, box: Box) -> Values:
        return np.stack([self.slice(number)[box[1], box[2]] for number in range(box[0].start, box[0].stop)])

    def slice(self, number: int) -> Values:
        """(row, column)."""
        place = self.files[number]
        try:
            with readable_errors(str(place)):
                pixels: Values = self.pydicom.dcmread(place).pixel_array
        except DiptychError as problem:
            if "Unable to decompress" in str(problem) or "required" in str(problem).lower():
                raise DiptychError(
                    f"{place} is compressed as {self.headers[number].file_meta.TransferSyntaxUID.name}, and no package that is "
                    f"here decodes it: pip install 'diptych[volumes]', or python-gdcm for JPEG lossless."
                ) from None
            raise
        return scaled(pixels, *self.scales[number], self.depth)


def headers_in(pydicom: Any, folder: Path) -> list[tuple[Path, Any]]:
    """(file, header without pixels) of the one series in a folder.

    Raises:
        DiptychError: for none or several series, and for files that are damaged.
    """
    found: list[tuple[Path, Any]] = []
    series: dict[str, str] = {}
    for place in sorted(files_in(folder), key=lambda one: natural(one.name)):
        try:
            header = pydicom.dcmread(place, stop_before_pixels=True)
        except pydicom.errors.InvalidDicomError:
            raise DiptychError(f"{place} is no DICOM file, and lies among those of a series; remove it.") from None
        except Exception as problem:  # a decoder of damaged files throws anything
            raise DiptychError(f"{place} is truncated or damaged ({problem}); replace it.") from None
        if int(header.get("NumberOfFrames", 1) or 1) > 1:
            raise DiptychError(
                f"{place} holds many frames (enhanced DICOM); convert it to NIfTI first, such as with dcm2niix."
            )
        if "Rows" not in header:
            raise DiptychError(f"{place} holds no picture; remove it from the series.")
        found.append((place, header))
        uid = str(header.get("SeriesInstanceUID", ""))
        series.setdefault(uid, str(header.get("SeriesDescription", "") or header.get("SeriesNumber", "") or uid))
    if len(series) > 1:
        names = ", ".join(list(series.values())[:4])
        raise DiptychError(f"{folder} holds {len(series)} series ({names}); give each a folder of its own.")
    if len(found) < 2:
        raise DiptychError(f"{folder} holds {len(found)} DICOM slices; a volume has two or more.")
    return found


def files_in(folder: Path) -> list[Path]:
    """What may be a slice; hidden files and directories of media are passed over."""
    try:
        return [
            one
            for one in folder.iterdir()
            if one.is_file() and not one.name.startswith(".") and one.name not in PASSED_OVER
        ]
    except OSError as problem:
        raise DiptychError(f"{folder} cannot be listed: {problem.strerror}.") from None


def refuse_unlike(folder: Path, found: list[tuple[Path, Any]]) -> None:
    """Raises: DiptychError where slices differ in what a volume has once, or hold colours."""
    first_file, first = found[0]
    if int(first.get("SamplesPerPixel", 1)) != 1:
        raise DiptychError(f"{first_file} holds colours; a volume has one value in each voxel.")
    for place, header in found[1:]:
        for key in ALIKE:
            one, other = first.get(key), header.get(key)
            if key in ("PixelSpacing", "ImageOrientationPatient") and one is not None and other is not None:
                same = np.allclose(
                    [float(value) for value in one], [float(value) for value in other], rtol=0, atol=1e-3
                )
            else:
                same = one == other
            if not same:
                raise DiptychError(
                    f"{place} has another {key} ({other}) than {first_file.name} ({one}); keep slices of one kind in {folder}."
                )


def plane_of(header: Any, folder: Path) -> tuple[Any, Any]:
    """(unit vector along which slices are ordered, affine with the first two columns)."""
    try:
        row, column = np.array([float(one) for one in header.ImageOrientationPatient]).reshape(2, 3)
        down, along = (float(one) for one in header.PixelSpacing)
    except (AttributeError, TypeError, ValueError):
        raise DiptychError(
            f"{folder} has slices without an orientation or spacing (ImageOrientationPatient, PixelSpacing); convert it to NIfTI first."
        ) from None
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row * along, column * down
    return np.cross(row, column), affine


def even_step(folder: Path, places: list[Any], normal: Any) -> Any:
    """(3,): from a slice to the next, in millimetres.

    Raises:
        DiptychError: where two slices lie in one place, or some are missing.
    """
    along = np.array([float(place @ normal) for place in places])
    steps = np.diff(along)
    usual = float(np.median(steps))
    if (steps < 1e-3).any():
        at = along[int(np.argmin(steps))]
        raise DiptychError(f"{folder} has two slices at {at:.2f} mm; keep one of them, or part the series.")
    if (uneven := np.abs(steps - usual) > UNEVEN * usual).any():
        number = int(np.argmax(uneven))
        raise DiptychError(
            f"{folder} is not evenly spaced: its slices lie {usual:.3g} mm apart, and those at {along[number]:.2f} and "
            f"{along[number + 1]:.2f} mm {steps[number]:.3g}; add the missing slices, or resample it."
        )
    return (places[-1] - places[0]) / (len(places) - 1)
