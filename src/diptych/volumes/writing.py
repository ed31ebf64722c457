"""Write volumes with the geometry and the tags of the one that they were made from; values are streamed slab by slab."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from diptych.errors import DiptychError
from diptych.files import atomic_write
from diptych.volumes.dicom import Dicom
from diptych.volumes.dicom_writing import write_series
from diptych.volumes.geometry import LPS_FROM_RAS, Values
from diptych.volumes.metaimage import MetaImage
from diptych.volumes.nifti import Nifti
from diptych.volumes.opening import ending_of
from diptych.volumes.optional import require_package
from diptych.volumes.volume import SLAB_BYTES, Volume

WRITTEN = (".nii.gz", ".nii", ".mha", ".nrrd", ".npy", ".tif", ".tiff")
MADE_BY = "derived by diptych"
META_TYPES = {
    "uint8": ("MET_UCHAR", "uint8"),
    "int8": ("MET_CHAR", "int8"),
    "uint16": ("MET_USHORT", "uint16"),
    "int16": ("MET_SHORT", "int16"),
    "int32": ("MET_INT", "int32"),
    "float32": ("MET_FLOAT", "float"),
    "float64": ("MET_DOUBLE", "double"),
}
"""Of a depth the names in MetaImage and NRRD."""


def require_writable(place: Path, like: Volume) -> None:
    """Raises: DiptychError for a form in which a volume like this cannot be written."""
    ending = ending_of(place)
    if not ending and place.suffix and not place.is_dir() and not isinstance(like, Dicom):
        raise DiptychError(f"{place} has no ending of a volume; use one of {' '.join(WRITTEN)}.")
    if not ending and not isinstance(like, Dicom):
        raise DiptychError(
            f"{place} would be a DICOM series, which takes its tags from one, and {like.path} is none; name a file ({' '.join(WRITTEN)})."
        )
    if ending and ending not in WRITTEN:
        raise DiptychError(f"{place}: {ending} is read and not written; use one of {' '.join(WRITTEN)}.")


def write_volume(place: Path, standing: Values, like: Volume, unit: str = "") -> None:
    """Write a volume, whole or not at all.

    Args:
        place: a file with an ending of ``WRITTEN``, or a folder that is not there yet for a DICOM series.
        standing: values in standing order, of one of the depths; a memory map is read slab by slab.
        like: the volume whose grid and tags they have.
        unit: of the values, such as "HU", for the tags of DICOM.

    Raises:
        DiptychError: for other shapes and forms, and where the place cannot be written.
    """
    require_writable(place, like)
    if standing.shape != like.shape:
        raise DiptychError(
            f"{place}: the values are {standing.shape} and the grid of {like.path} is {like.shape}; they must be one."
        )
    stored = like.geometry.orientation.stored(standing)
    ending = ending_of(place)
    if not ending:
        assert isinstance(like, Dicom)
        write_series(place, stored, like, unit)
        return
    with atomic_write(place) as beside:
        if ending in (".nii", ".nii.gz"):
            write_nifti(beside, stored, like, compressed=ending == ".nii.gz")
        elif ending in (".mha", ".nrrd"):
            write_text_header(beside, stored, like, ending)
        elif ending == ".npy":
            with open(beside, "wb") as file:
                np.lib.format.write_array_header_2_0(file, npy_header(stored))
                for slab in slabs(stored):
                    file.write(slab.tobytes())
        else:
            tifffile = require_package("tifffile", place)
            with tifffile.TiffWriter(beside, bigtiff=stored.nbytes > 2**31) as writer:
                for slab in slabs(stored):
                    for page in slab:
                        writer.write(page, contiguous=True, photometric="minisblack")


def slabs(stored: Values) -> Iterator[Values]:
    step = max(1, SLAB_BYTES // (stored[:1].nbytes or 1))
    for start in range(0, len(stored), step):
        yield np.ascontiguousarray(stored[start : start + step])


def npy_header(stored: Values) -> dict[str, Any]:
    return {"descr": np.lib.format.dtype_to_descr(stored.dtype), "fortran_order": False, "shape": stored.shape}


@contextmanager
def stream(place: Path, compressed: bool) -> Iterator[BinaryIO | gzip.GzipFile]:
    """A file for bytes; in gzip without a name and a date, so that equal values are equal files."""
    with open(place, "wb") as file:
        if compressed:
            with gzip.GzipFile("", "wb", 1, file, mtime=0) as zipped:
                yield zipped
        else:
            yield file


def write_nifti(place: Path, stored: Values, like: Volume, compressed: bool) -> None:
    """With the header of a NIfTI it was made from, extensions too; from another form with both sform and qform."""
    nibabel = require_package("nibabel", place)
    shape = stored.shape[::-1]
    if isinstance(like, Nifti):
        header = like.header.copy()
    else:
        header = nibabel.Nifti2Header() if max(shape) > 32767 else nibabel.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(stored.dtype)
    if not isinstance(like, Nifti):
        affine = LPS_FROM_RAS @ like.geometry.affine
        header.set_zooms(like.geometry.spacing)
        if like.geometry.known:
            header.set_sform(affine, 1)
            if not like.geometry.tilt:  # which a qform cannot hold
                header.set_qform(affine, 1)
            header.set_xyzt_units("mm")
    header.set_slope_inter(1, 0)
    header["cal_max"] = header["cal_min"] = 0
    header["descrip"] = MADE_BY.encode()
    with stream(place, compressed) as file:
        header.write_to(file)
        file.write(bytes(max(0, header.get_data_offset() - file.tell())))
        for slab in slabs(stored):
            file.write(slab.astype(header.get_data_dtype(), copy=False).tobytes())


def write_text_header(place: Path, stored: Values, like: Volume, ending: str) -> None:
    """MetaImage, uncompressed, or NRRD, in gzip: numbers stand in the header with all their digits."""
    geometry, depth = like.geometry, str(stored.dtype)
    met, nrrd = META_TYPES[depth]
    sizes = " ".join(map(str, stored.shape[::-1]))
    kept = (
        {key: value for key, value in like.metadata.items() if is_own_tag(key, value)}
        if isinstance(like, MetaImage)
        else {}
    )
    if ending == ".mha":
        lines = [
            "ObjectType = Image",
            "NDims = 3",
            "BinaryData = True",
            "BinaryDataByteOrderMSB = False",
            "CompressedData = False",
            f"TransformMatrix = {numbers(geometry.direction.T.ravel())}",
            f"Offset = {numbers(geometry.origin)}",
            f"ElementSpacing = {numbers(geometry.spacing)}",
            f"DimSize = {sizes}",
            f"Comment = {MADE_BY}",
            *(f"{key} = {value}" for key, value in kept.items() if key != "Comment"),
            f"ElementType = {met}",
            "ElementDataFile = LOCAL",
        ]
        end = "\n"
    else:
        columns = " ".join(f"({numbers(column, ',')})" for column in geometry.affine[:3, :3].T)
        lines = [
            "NRRD0004",
            f"# {MADE_BY}",
            f"type: {nrrd}",
            "dimension: 3",
            "space: left-posterior-superior",
            f"sizes: {sizes}",
            f"space directions: {columns}",
            "kinds: domain domain domain",
            "endian: little",
            "encoding: gzip",
            f"space origin: ({numbers(geometry.origin, ',')})",
            *(f"{key}:={value}" for key, value in kept.items()),
        ]
        end = "\n\n"
    with open(place, "wb") as file:
        file.write(("\n".join(lines) + end).encode())
    little = stored.dtype.newbyteorder("<")
    with open(place, "ab") as file:
        if ending == ".mha":
            for slab in slabs(stored):
                file.write(slab.astype(little, copy=False).tobytes())
        else:
            with gzip.GzipFile("", "wb", 1, file, mtime=0) as zipped:
                for slab in slabs(stored):
                    zipped.write(slab.astype(little, copy=False).tobytes())


def is_own_tag(key: str, value: str) -> bool:
    """Whether a tag is the user's, and not one that the header has anyway."""
    return bool(re.fullmatch(r"[A-Za-z]\w*", key)) and not key.startswith(("ITK_", "NRRD_")) and "\n" not in value


def numbers(values: Any, between: str = " ") -> str:
    return between.join(repr(float(value)) for value in values)
