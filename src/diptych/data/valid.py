"""Masks of pixels with data, which belong to pictures by their names."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from diptych.errors import DiptychError
from diptych.pictures.formats import list_pictures, read, stem
from diptych.pictures.kinds import MASK, Kind, Stored
from diptych.pictures.to_kind import same_size
from diptych.pictures.values.missing import Missing, missing_in, with_missing


class ValidMasks:
    """The masks of a folder, or one mask for all pictures: white where there is data.

    Args:
        place: the folder or the file.
        read_mask: reads one as (H, W, 1) uint8, such as a cache.
    """

    def __init__(self, place: Path, read_mask: Callable[[Path, Kind], Stored] = read) -> None:
        self.place, self.read_mask = place, read_mask

    @cached_property
    def files(self) -> dict[str, Path]:
        """The folder's masks by their stems, listed once."""
        return {stem(path.name): path for path in reversed(list_pictures(self.place))}

    def missing(self, name: str, picture: Stored) -> Missing:
        """(H, W) of the picture called ``name``: True where it has no data.

        Raises:
            DiptychError: when its mask is not there, has another size or marks nothing.
        """
        path = self.place
        if path.is_dir():
            if (wanted := stem(Path(name).name)) not in self.files:
                raise DiptychError(
                    f"there is no mask called {wanted} in {self.place}; add it, white where there is data."
                )
            path = self.files[wanted]
        white = same_size(self.read_mask(path, MASK), picture, f"{name} with its mask {path}")[..., 0] >= 128
        if not white.any():
            raise DiptychError(f"{path} marks no pixel with data; it must be white where there is data.")
        return np.logical_not(white)

    def applied(self, name: str, pictures: list[tuple[Stored, Kind]]) -> list[Stored]:
        """The pictures of one example with NaN where the mask is black; those of Kinds without gaps stay."""
        missing = self.missing(name, pictures[0][0])
        found = []
        for picture, kind in pictures:
            own = missing_in(picture)
            gaps = missing if own is None else missing | own
            found.append(with_missing(picture, gaps, kind) if kind.has_gaps else picture)
        return found
