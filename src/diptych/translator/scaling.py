"""Stored pictures on their way into a network and out of it: at the scale of training, and back in their own size. Without torch."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError
from diptych.pictures.kinds import Stored
from diptych.pictures.resizing import resize
from diptych.pictures.sizes import Size, parse_size
from diptych.translator.card import Card


class Scaled:
    """What every translator does around its network, by its card."""

    card: Card
    tile: int | None
    """Side of the tiles of large pictures; None chooses by the memory that is free, 0 takes all pictures whole."""

    memory: float = math.inf
    """Bytes that a picture may take; infinite: half of what is free."""

    def seen(self, shape: Sequence[int], size: Size = None) -> tuple[int, int]:
        """(height, width) at which the network sees a picture of ``shape``: height, width, and whatever follows.

        Tiles of a chosen side are for pictures at their own size, so they make that what None stands for.
        """
        height, width = shape[:2]
        wanted = parse_size(size) or ("own" if self.tile else "training")
        if wanted == "own":
            return height, width
        return self.card.seen(height, width) if wanted == "training" else wanted

    def sized(self, picture: Stored, height: int, width: int) -> Stored:
        return resize(picture, height, width, "nearest" if self.card.source.colour == "labels" else self.card.filter)

    def finished(self, result: npt.NDArray[Any], picture: Stored) -> Stored:
        """What the network gives, as stored and as large as its picture is; colour is laid on the lightness of that one."""
        target = self.card.target
        if target.colour == "chroma":
            planes = self.brought_back(result.transpose(1, 2, 0), picture)
            return target.to_stored(planes.transpose(2, 0, 1), source=picture)
        return self.brought_back(target.to_stored(result), picture)

    def brought_back(self, result: Stored, picture: Stored) -> Stored:
        """``result`` in the size of ``picture``; within its range, which bicubic leaves at edges."""
        height, width = (side * self.card.scale for side in picture.shape[:2])
        if result.shape[:2] == (height, width):
            return result
        target = self.card.target
        smooth = "bicubic" if self.card.filter == "area" else self.card.filter  # an area enlarges to blocks
        sized = resize(result, height, width, "nearest" if target.colour == "labels" else smooth)
        low, high = (-1.0, 1.0) if target.colour == "chroma" else target.range
        return sized if target.colour == "labels" else np.clip(sized, low, high).astype(sized.dtype)

    def check_channels(self, picture: Stored) -> None:
        wanted = self.card.source.stored_channels
        if picture.shape[2] != wanted:
            both = self.card.source.instances
            raise DiptychError(
                "this translator needs an instance map beside each class map; name their folder with --instances, or give an "
                "array of two channels."
                if both
                else f"the picture has {picture.shape[2]} channels, and this translator takes {wanted}."
            )
