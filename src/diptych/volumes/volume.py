"""What a volume file is to the rest: its shape, depth and place, and values of any part of it, exactly as the file means them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from diptych.errors import DiptychError
from diptych.pictures.depths import LIMITS, RANGES
from diptych.volumes.geometry import PLANES, Box, Geometry, Plane, Values

Shape = tuple[int, int, int]
SLAB_BYTES = 64 * 2**20
"""What is held of a volume at once, where it is gone through."""


class Volume(ABC):
    """An opened volume; values are read when they are asked for.

    ``stored_shape`` and ``part`` are in the file's order, (slice, row, column); ``shape`` and ``slab`` in standing order.
    """

    path: Path
    stored_shape: Shape
    depth: str
    """Of the values, after the file's own scaling."""
    geometry: Geometry
    remarks: tuple[str, ...] = ()
    """Sentences on what is doubtful in the header; each begins with the path."""
    mapped: bool = False
    """Whether any part is read without reading the rest."""

    @abstractmethod
    def part(self, box: Box) -> Values:
        """Values of a part of the file's array; a DiptychError where the file is damaged."""

    def mapped_array(self) -> Values | None:
        """The whole as a memory map in the file's order, where the file holds the values themselves."""
        return None

    @property
    def shape(self) -> Shape:
        first, second, third = (self.stored_shape[axis] for axis in self.geometry.orientation.axes)
        return first, second, third

    def slab(self, axis: int, start: int, stop: int) -> Values:
        """Slices ``start`` to ``stop`` of an axis, in standing order."""
        orientation = self.geometry.orientation
        return orientation.standing(self.part(orientation.box(axis, start, stop, self.stored_shape)))

    def parts(self, bytes: int = SLAB_BYTES) -> Iterator[tuple[int, Values]]:
        """(first slice, values) of the whole, in the file's order."""
        count, *face = self.stored_shape
        step = max(1, bytes // (int(np.prod(face)) * np.dtype(self.depth).itemsize))
        for start in range(0, count, step):
            stop = min(start + step, count)
            yield start, self.part((slice(start, stop), slice(0, face[0]), slice(0, face[1])))

    def require_plane(self, plane: Plane) -> int:
        """The axis of a plane; DiptychError where slices are sheared, and only their own plane is a plane."""
        axis = PLANES.index(plane)
        if self.geometry.tilt and self.geometry.orientation.axes[axis] != 0:
            raise DiptychError(
                f"{self.path} has slices that are shifted by {self.geometry.tilt:.1f} degrees (a tilted gantry), so {plane} "
                f"slices would be skewed; take its own plane, or resample it first."
            )
        return axis


def depth_for(depth: str, slope: float, intercept: float, limits: tuple[float, float]) -> str:
    """The depth that holds ``slope * stored + intercept`` exactly: the smallest integer one for whole numbers, else float32.

    Args:
        depth: of the stored numbers.
        limits: lowest and highest stored number.
    """
    if (slope, intercept) == (1.0, 0.0):
        return depth
    if depth.startswith("float") or slope % 1 or intercept % 1:
        return "float64" if depth == "float64" else "float32"
    low, high = sorted(slope * one + intercept for one in limits)
    for name in ("uint8", "int16", "uint16", "int32"):
        if LIMITS[name][0] <= low and high <= LIMITS[name][1]:
            return name
    return "float64"


def scaled(stored: Values, slope: float, intercept: float, depth: str) -> Values:
    """``slope * stored + intercept`` in a depth that ``depth_for`` chose."""
    if (slope, intercept) == (1.0, 0.0):
        return stored.astype(depth, copy=False)
    if not depth.startswith("float"):
        return (stored.astype(np.int64) * int(slope) + int(intercept)).astype(depth)
    return (stored.astype(np.float64) * slope + intercept).astype(depth)


def require_depth(name: str, path: Path) -> str:
    """A depth for a file's number type: uint32 becomes float64, float16 float32.

    Raises:
        DiptychError: for numbers that no depth holds, such as colours and complex ones.
    """
    known = {"uint32": "float64", "float16": "float32", "bool": "uint8"}.get(name, name)
    if known not in RANGES and known not in LIMITS:
        raise DiptychError(f"{path} holds {name} values; save it as one of {', '.join(LIMITS)}, float32 or float64.")
    return known


def require_volume(shape: tuple[int, ...], path: Path) -> Shape:
    """Three axes, of more than one slice; axes of one at the end do not count.

    Raises:
        DiptychError: for other shapes, such as a series in time.
    """
    sides = list(shape)
    while len(sides) > 3 and sides[-1] == 1:
        sides.pop()
    words = "x".join(map(str, shape))
    if len(sides) > 3:
        raise DiptychError(
            f"{path} has {len(sides)} axes ({words}), such as a series in time; save one volume of it as a file of its own."
        )
    if len(sides) < 3 or sorted(sides)[1] < 2:
        raise DiptychError(f"{path} is {words}, which is no volume; leave data.slices away for single pictures.")
    if min(sides) < 1:
        raise DiptychError(f"{path} has no voxels ({words}); replace it.")
    return sides[0], sides[1], sides[2]
