"""NIfTI-1 and NIfTI-2, plain or in gzip: nibabel reads the header, the values are mapped or streamed."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError
from diptych.pictures.formats import readable_errors
from diptych.volumes.geometry import LPS_FROM_RAS, Box, Geometry, Values
from diptych.volumes.optional import require_package
from diptych.volumes.volume import SLAB_BYTES, Volume, depth_for, require_depth, require_volume, scaled

UNITS = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Millimetres of the header's units of length; 0 is unknown, and taken for millimetres."""
READ_BYTES = 2**20


class Nifti(Volume):
    """One volume in a .nii or .nii.gz file. Where both forms are valid the sform counts, as nibabel has it."""

    def __init__(self, path: Path) -> None:
        nibabel = require_package("nibabel", path)
        self.path = path
        with readable_errors(str(path)):
            image: Any = nibabel.load(path)
        self.image, self.mapped = image, path.suffix.lower() != ".gz"
        self.header = image.header
        columns, rows, slices = require_volume(tuple(int(side) for side in image.shape), path)
        self.stored_shape = slices, rows, columns
        proxy = image.dataobj
        self.dtype, self.offset = np.dtype(proxy.dtype), int(proxy.offset)
        if self.dtype.names:
            raise DiptychError(
                f"{path} holds colours, which are no volume of values; save one channel as a file of its own."
            )
        self.slope, self.intercept = float(proxy.slope), float(proxy.inter)
        stored = require_depth(self.dtype.newbyteorder("=").name, path)
        integer = self.dtype.kind in "iu"
        limits = (float(np.iinfo(self.dtype).min), float(np.iinfo(self.dtype).max)) if integer else (0.0, 0.0)
        self.depth = depth_for(stored, self.slope, self.intercept, limits)
        self.geometry, self.remarks = place_of(self.header, path)
        needed = self.offset + int(np.prod(self.stored_shape)) * self.dtype.itemsize
        if self.mapped and (found := os.path.getsize(path)) < needed:
            raise DiptychError(
                f"{path} is truncated: it has {found:,} bytes, and its header speaks of {needed:,}; copy it again."
            )

    def part(self, box: Box) -> Values:
        if self.mapped:
            stored = np.memmap(self.path, self.dtype, "r", self.offset, self.stored_shape)[box]
        else:
            face = int(np.prod(self.stored_shape[1:])) * self.dtype.itemsize
            with readable_errors(str(self.path)), gzip.open(self.path) as file:
                file.seek(self.offset + box[0].start * face)
                stored = self.values(file.read((box[0].stop - box[0].start) * face))[:, box[1], box[2]]
        return scaled(np.asarray(stored, self.dtype.newbyteorder("=")), self.slope, self.intercept, self.depth)

    def mapped_array(self) -> Values | None:
        plain = (self.slope, self.intercept) == (1.0, 0.0) and self.dtype.isnative and self.dtype.name == self.depth
        return np.memmap(self.path, self.dtype, "r", self.offset, self.stored_shape) if self.mapped and plain else None

    def parts(self, bytes: int = SLAB_BYTES) -> Iterator[tuple[int, Values]]:
        """In one pass; at its end gzip's checksum is compared."""
        if self.mapped:
            yield from super().parts(bytes)
            return
        face = int(np.prod(self.stored_shape[1:])) * self.dtype.itemsize
        step = max(1, bytes // face)
        with readable_errors(str(self.path)), gzip.open(self.path) as file:
            file.seek(self.offset)
            for start in range(0, self.stored_shape[0], step):
                stored = self.values(file.read(min(step, self.stored_shape[0] - start) * face))
                stored = stored.astype(self.dtype.newbyteorder("="), copy=False)
                yield start, scaled(stored, self.slope, self.intercept, self.depth)
            while file.read(READ_BYTES):
                pass

    def values(self, data: bytes) -> Values:
        """Slices of the whole face; a DiptychError where bytes are missing."""
        face = self.stored_shape[1:]
        if len(data) % (int(np.prod(face)) * self.dtype.itemsize) or not data:
            raise DiptychError(f"{self.path} is truncated: its values end early; copy it again.")
        return np.frombuffer(data, self.dtype).reshape(-1, *face)


def place_of(header: Any, path: Path) -> tuple[Geometry, tuple[str, ...]]:
    """The geometry of a header, and what is doubtful about it."""
    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    unit = UNITS.get(int(header["xyzt_units"]) & 7, 1.0)
    scale = np.diag([unit, unit, unit, 1.0])
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    remarks = []
    if not sform and not qform:
        remarks.append(
            f"{path} says its spacing and not its orientation (no sform or qform); it is taken as the array lies."
        )
        spacing = np.asarray(header.get_zooms()[:3], dtype=np.float64)
        return Geometry.of(scale @ np.diag([*spacing, 1.0]), known=False), tuple(remarks)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise DiptychError(f"{path} has an affine that spans no space; set its sform or qform anew.")
    found = Geometry.of(scale @ LPS_FROM_RAS @ affine)
    if sform and qform:
        other = Geometry.of(scale @ LPS_FROM_RAS @ np.asarray(header.get_qform(), dtype=np.float64))
        shape = tuple(int(side) for side in header.get_data_shape()[2::-1])
        if not found.same_place(other, (shape[0], shape[1], shape[2])):
            distance = found.differs(other, (shape[0], shape[1], shape[2]))
            remarks.append(
                f"{path} has an sform and a qform that differ by up to {distance:.3g} mm; the sform is used, so make them equal if "
                f"the qform is right."
            )
    return found, tuple(remarks)
