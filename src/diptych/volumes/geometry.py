"""Where the voxels of a volume lie.

Arrays are indexed as numpy does, (slice, row, column). The affine is of the indices the other way round, (column, row, slice), and
gives millimetres in LPS, as DICOM and ITK have them: to the patient's left, to the back, and towards the head. NIfTI's RAS differs in
the signs of the first two.
"""

from dataclasses import dataclass
from itertools import permutations
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Plane = Literal["axial", "coronal", "sagittal"]
PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
"""By the axis that they are perpendicular to: 0 towards the head, 1 to the back, 2 to the left."""
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SHEAR = 1e-3  # cosine between two axes from which they count as not perpendicular
SAME_PLACE = 1e-3  # share of a voxel by which two grids may differ; headers hold float32
Values = npt.NDArray[Any]
Affine = npt.NDArray[np.float64]
Box = tuple[slice, slice, slice]


class Orientation(NamedTuple):
    """Which axis of the file's array each axis in standing order is, and whether it runs the other way.

    Standing order is (towards the head, to the back, to the left), so that an axial slice is shown as radiologists do.
    """

    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]

    def standing(self, stored: Values) -> Values:
        """A view of an array in the file's order."""
        return stored.transpose(self.axes)[tuple(slice(None, None, -1 if flip else None) for flip in self.flipped)]

    def stored(self, standing: Values) -> Values:
        """The other way round."""
        turned = standing[tuple(slice(None, None, -1 if flip else None) for flip in self.flipped)]
        return turned.transpose(tuple(int(axis) for axis in np.argsort(self.axes)))

    def box(self, axis: int, start: int, stop: int, shape: tuple[int, int, int]) -> Box:
        """The part of the file's array, of ``shape``, that holds slices ``start`` to ``stop`` of an axis in standing order."""
        own, size = self.axes[axis], shape[self.axes[axis]]
        parts = [slice(0, side) for side in shape]
        parts[own] = slice(size - stop, size - start) if self.flipped[axis] else slice(start, stop)
        return parts[0], parts[1], parts[2]


@dataclass(frozen=True)
class Geometry:
    """The affine, row after row, and the DICOM frame of reference where there is one; ``known`` is False for bare stacks."""

    rows: tuple[tuple[float, ...], ...] = tuple(tuple(row) for row in np.eye(4).tolist())
    frame: str = ""
    known: bool = True

    @classmethod
    def of(cls, affine: Affine, frame: str = "", known: bool = True) -> "Geometry":
        return cls(tuple(tuple(row) for row in np.asarray(affine, dtype=np.float64).tolist()), frame, known)

    @property
    def affine(self) -> Affine:
        return np.array(self.rows, dtype=np.float64)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres from a voxel to the next along (column, row, slice)."""
        column, row, depth = (float(one) for one in np.linalg.norm(self.affine[:3, :3], axis=0))
        return column, row, depth

    @property
    def origin(self) -> tuple[float, float, float]:
        """Where the first voxel lies."""
        left, back, head = (float(one) for one in self.affine[:3, 3])
        return left, back, head

    @property
    def direction(self) -> Affine:
        """(3, 3): unit vectors of the axes as columns."""
        found: Affine = self.affine[:3, :3] / np.array(self.spacing)
        return found

    @property
    def tilt(self) -> float:
        """Degrees by which the slices are shifted against each other, as by a CT's tilted gantry; 0 where the axes are perpendicular."""
        cosines = self.direction.T @ self.direction - np.eye(3)
        largest = float(np.abs(cosines).max())
        return float(np.degrees(np.arcsin(min(largest, 1.0)))) if largest > SHEAR else 0.0

    @property
    def orientation(self) -> Orientation:
        """The nearest standing order of the array; of bare stacks the array's own."""
        if not self.known:
            return Orientation((0, 1, 2), (False, False, False))
        towards = self.direction[::-1, ::-1]  # rows: head, back, left; columns: slice, row, column
        axes = max(permutations(range(3)), key=lambda order: sum(abs(towards[n, axis]) for n, axis in enumerate(order)))
        first, second, third = axes
        signs = [bool(towards[n, axis] < 0) for n, axis in enumerate(axes)]
        return Orientation((first, second, third), (signs[0], signs[1], signs[2]))

    @property
    def letters(self) -> str:
        """Towards where (column, row, slice) run, such as "LPS"; a question mark for bare stacks."""
        if not self.known:
            return "?"
        found = [""] * 3
        orientation = self.orientation
        for names, axis, flip in zip(("SI", "PA", "LR"), orientation.axes, orientation.flipped, strict=True):
            found[2 - axis] = names[flip]
        return "".join(found)

    def differs(self, other: "Geometry", shape: tuple[int, int, int]) -> float:
        """Millimetres between the same voxel of two grids of ``shape``, at the corner where they are farthest apart."""
        corners = np.array(
            [[i, j, k, 1] for k in (0, shape[0] - 1) for j in (0, shape[1] - 1) for i in (0, shape[2] - 1)]
        )
        return float(np.linalg.norm(corners @ (self.affine - other.affine)[:3].T, axis=1).max())

    def same_place(self, other: "Geometry", shape: tuple[int, int, int]) -> bool:
        if not (self.known and other.known):
            return True
        return self.differs(other, shape) <= max(SAME_PLACE * max(*shape, 10) * min(self.spacing), 1e-6)


def picture_of(standing: Values, axis: int) -> Values:
    """A slice as it is looked at, (H, W): the head is up in coronal and sagittal ones. It is its own inverse."""
    return standing if axis == 0 else standing[::-1]
