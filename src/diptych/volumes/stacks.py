"""Stacks without a place in space: TIFF files of many pages, and .npy arrays of three axes."""

from pathlib import Path

import numpy as np

from diptych.errors import DiptychError
from diptych.pictures.formats import readable_errors
from diptych.volumes.geometry import Box, Geometry, Values
from diptych.volumes.optional import require_package
from diptych.volumes.volume import Volume, require_depth, require_volume

UNPLACED = Geometry(known=False)


class ArrayStack(Volume):
    """A .npy file, (slice, row, column)."""

    mapped = True

    def __init__(self, path: Path) -> None:
        self.path, self.geometry = path, UNPLACED
        with readable_errors(str(path)):
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        self.stored_shape = require_volume(found.shape, path)
        self.depth = require_depth(found.dtype.newbyteorder("=").name, path)
        self.array = found.reshape(self.stored_shape)

    def part(self, box: Box) -> Values:
        return np.asarray(self.array[box], dtype=self.depth)

    def mapped_array(self) -> Values | None:
        return self.array if self.array.dtype.name == self.depth and self.array.dtype.isnative else None


class TiffStack(Volume):
    """Pages of one size and depth, of one channel each."""

    def __init__(self, path: Path) -> None:
        self.tifffile = require_package("tifffile", path)
        self.path, self.geometry = path, UNPLACED
        with readable_errors(str(path)), self.tifffile.TiffFile(path) as file:
            series = file.series
            shape, name = tuple(int(side) for side in series[0].shape), str(series[0].dtype.newbyteorder("=").name)
            colours = file.pages[0].samplesperpixel
        if len(series) > 1:
            raise DiptychError(f"{path} has pages of different sizes or depths; save them as one stack.")
        if colours > 1:
            raise DiptychError(
                f"{path} has {colours} channels, which are no slices; save one channel as a stack of its own."
            )
        self.stored_shape = require_volume(shape, path)
        self.depth = require_depth(name, path)

    def part(self, box: Box) -> Values:
        with readable_errors(str(self.path)):
            pages = self.tifffile.imread(self.path, key=box[0])
        values: Values = pages.reshape(-1, *self.stored_shape[1:])[:, box[1], box[2]]
        if len(values) != box[0].stop - box[0].start:
            raise DiptychError(f"{self.path} is truncated: it ends before its last page; copy it again.")
        return values.astype(self.depth, copy=False)
