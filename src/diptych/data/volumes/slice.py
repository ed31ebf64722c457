"""A slice of a volume as a file of an example: it is read like a picture, with its neighbours as channels."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diptych.errors import DiptychError
from diptych.pictures.decoded import Decoded, Header
from diptych.pictures.depths import SIGNED, is_float
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.to_kind import as_kind
from diptych.volumes.geometry import PLANES, Plane, picture_of
from diptych.volumes.opening import open_volume, stamp_of
from diptych.volumes.store import Slices, slices_of

SUFFIX = ".npy"
"""The form in which a slice is packed."""


@dataclass(frozen=True, slots=True)
class Slice:
    """``count`` slices around ``index``, counted towards the head, to the back or to the left."""

    path: Path
    plane: Plane
    index: int
    count: int
    cache: Path

    def __str__(self) -> str:
        return f"{self.path} ({self.plane} slice {self.index})"

    @property
    def suffix(self) -> str:
        return SUFFIX

    @property
    def slices(self) -> Slices:
        return slices_of(self.path, PLANES.index(self.plane), self.cache)

    @property
    def size(self) -> int:
        """Bytes of the files of the whole volume."""
        return sum(size for _, size, _ in stamp_of(self.path))

    def stored(self) -> Stored:
        """(H, W, count) as the volume holds it, the head up."""
        stack = self.slices.stack(self.index, self.count)
        return np.ascontiguousarray(picture_of(stack, PLANES.index(self.plane)))

    def read(self, kind: Kind) -> Stored:
        """As one of this Kind: measured values are never scaled.

        Raises:
            DiptychError: where the Kind's depth cannot hold them, or they are not finite.
        """
        stored = self.stored()
        self.require_depth(str(stored.dtype), kind)
        return as_kind(Decoded(measured_as(stored, kind, str(self))), kind, str(self))

    def require_depth(self, depth: str, kind: Kind) -> None:
        """Raises: DiptychError for a Kind without signs, with the range of the whole volume, so that it is said of all its slices at once."""
        if depth not in SIGNED or kind.depth not in ("uint8", "uint16"):
            return
        facts = self.slices.facts
        low, high = np.nanmin(facts.lowest), np.nanmax(facts.highest)
        raise DiptychError(
            f"{self} is of a volume of {depth} values from {low:g} to {high:g}, and {kind.depth} is wanted; have the kind state "
            f'depth = "{depth}", with low and high.'
        )

    def content(self) -> bytes:
        """The slices as an array file."""
        file = io.BytesIO()
        np.save(file, self.stored(), allow_pickle=False)
        return file.getvalue()

    def header(self) -> Header:
        height, width = self.slices.array.shape[1:]
        return Header(height, width, self.count, open_volume(self.path).depth)


def measured_as(values: Stored, kind: Kind, name: str) -> Stored:
    """Unsigned integers in another depth that holds them, with their values; others are left to the Kind."""
    found = str(values.dtype)
    if found not in ("uint8", "uint16") or found == kind.depth or kind.depth in SIGNED:
        return values
    if found == "uint16" and kind.depth == "uint8":
        raise DiptychError(
            f"{name} holds uint16 values up to {values.max()}, and uint8 is wanted; state the depth and the range of its kind, such "
            f'as depth = "uint16" and high = {values.max()}.'
        )
    return values.astype(kind.depth if is_float(kind.depth) else np.uint16)
