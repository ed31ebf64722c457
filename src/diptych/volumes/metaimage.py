"""MetaImage (.mha, .mhd) and NRRD (.nrrd), read by SimpleITK."""

from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError
from diptych.pictures.formats import readable_errors
from diptych.volumes.geometry import Box, Geometry, Values
from diptych.volumes.optional import require_package
from diptych.volumes.volume import Volume, require_depth, require_volume


class MetaImage(Volume):
    """One volume in a file that SimpleITK reads."""

    def __init__(self, path: Path) -> None:
        self.sitk: Any = require_package("SimpleITK", path)
        self.path = path
        with readable_errors(str(path)):
            reader = self.reader()
            reader.ReadImageInformation()
        if (channels := reader.GetNumberOfComponents()) > 1:
            raise DiptychError(f"{path} has {channels} values in each voxel; save one of them as a file of its own.")
        self.size = tuple(int(side) for side in reader.GetSize())
        columns, rows, slices = require_volume(self.size, path)
        self.stored_shape = slices, rows, columns
        name = self.sitk.GetPixelIDValueAsString(reader.GetPixelID())
        bits, _, sort = name.partition("-bit ")
        words = {"unsigned integer": "uint", "signed integer": "int", "float": "float"}
        self.depth = require_depth(words.get(sort, name) + bits, path)
        affine = np.eye(4)
        count = len(self.size)
        direction = np.array(reader.GetDirection()).reshape(count, count)[:3, :3]
        affine[:3, :3] = direction * np.array(reader.GetSpacing()[:3])
        affine[:3, 3] = reader.GetOrigin()[:3]
        self.geometry = Geometry.of(affine)
        self.metadata = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}

    def reader(self) -> Any:
        reader = self.sitk.ImageFileReader()
        reader.SetFileName(str(self.path))
        return reader

    def part(self, box: Box) -> Values:
        reader = self.reader()
        rest = len(self.size) - 3
        reader.SetExtractIndex([*(side.start for side in box[::-1]), *[0] * rest])
        reader.SetExtractSize([*(side.stop - side.start for side in box[::-1]), *[0] * rest])
        with readable_errors(str(self.path)):
            values: Values = self.sitk.GetArrayFromImage(reader.Execute())
        return values.astype(self.depth, copy=False)
