"""Pure transforms of stored pictures (H, W, C); depth stays, and every draw comes from a given generator."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from diptych.data.augment import Move, places_of, taken
from diptych.pictures.kinds import Stored
from diptych.pictures.resizing import Filter, resize
from diptych.pictures.sizes import Fit, resized_size


class Window(NamedTuple):
    """A crop: the picture's size after resizing, the corner, and whether it is mirrored."""

    height: int
    width: int
    top: int
    left: int
    mirrored: bool


Crop = tuple[int, Window]
"""A picture by its number, and the window that is cut from it."""


@dataclass(frozen=True)
class Geometry:
    """Resize, crop and mirror as the recipe says; one draw serves both halves of a pair."""

    load_size: tuple[int, int]
    crop_size: tuple[int, int]
    fit: Fit = "stretch"
    mirror: bool = True
    filter: Filter = "bicubic"
    own: bool = False
    """Whole pictures keep their size, for evaluation at another size than that of training."""

    def draw(self, rng: np.random.Generator, height: int, width: int, zoom: float = 1.0) -> Window:
        """A random crop of the resized picture, mirrored with probability 0.5 (pix2pix, section 6.2).

        ``zoom`` enlarges the resized picture, or reduces it as far as it holds the crop.
        """
        tall, wide = resized_size(self.fit, height, width, self.load_size, self.crop_size)
        tall, wide = (max(round(side * zoom), part) for side, part in zip((tall, wide), self.crop_size, strict=True))
        top = int(rng.integers(tall - self.crop_size[0] + 1))
        left = int(rng.integers(wide - self.crop_size[1] + 1))
        return Window(tall, wide, top, left, bool(rng.random() < 0.5) and self.mirror)

    def within(self, window: Window, inside: npt.NDArray[np.bool_], rng: np.random.Generator) -> Window:
        """The same window about a pixel drawn from ``inside``, (H, W) of the picture as stored, as near as the borders allow."""
        rows, columns = np.nonzero(inside)
        if not len(rows):
            return window
        drawn = int(rng.integers(len(rows)))
        height, width = self.crop_size
        top = math.floor((int(rows[drawn]) + 0.5) * window.height / inside.shape[0] - height / 2)
        left = math.floor((int(columns[drawn]) + 0.5) * window.width / inside.shape[1] - width / 2)
        top, left = max(0, min(top, window.height - height)), max(0, min(left, window.width - width))
        return window._replace(top=top, left=left)

    def whole(self, height: int, width: int) -> Window:
        """For validation: the picture at the scale at which it is translated, and the middle of it; never mirrored."""
        if self.own:
            return Window(height, width, 0, 0, False)
        tall, wide = resized_size(self.fit, height, width, self.crop_size, self.crop_size)
        return Window(tall, wide, (tall - self.crop_size[0]) // 2, (wide - self.crop_size[1]) // 2, False)

    def apply(
        self, picture: Stored, window: Window, filter: Filter | Literal[""] = "", move: Move | None = None
    ) -> Stored:
        """The window of ``picture``, which may be read-only: the result shares no memory with it."""
        chosen = filter or self.filter
        if move is not None and (move.angle or move.offsets is not None):
            places = places_of((window.top, window.left), self.crop_size, window.mirrored, move)
            return taken(picture, (window.height, window.width), places, chosen)
        sized = resize(np.array(picture, order="C"), window.height, window.width, chosen)
        if self.own:
            return sized
        crop = sized[window.top : window.top + self.crop_size[0], window.left : window.left + self.crop_size[1]]
        crop = crop[::-1] if move is not None and move.upside_down else crop
        return crop[:, ::-1] if window.mirrored else crop
