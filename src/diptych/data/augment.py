"""Augmentation: training pictures are turned, enlarged, bent and coloured by draws from a given generator.

One draw serves both sides of a pair. Zooming is a part of resizing, so it is antialiased; turning and bending then take
each pixel of the crop from its place in the resized picture, which goes on beyond its borders as in a mirror.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from diptych.errors import UsageError
from diptych.pictures.depths import rounded
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.resizing import Filter, resize_part
from diptych.pictures.to_kind import luma
from diptych.pictures.values.missing import missing_in

Places = npt.NDArray[np.float64]
KNOTS = 4  # of the spline that bends, across the crop


class Move(NamedTuple):
    """How a crop is taken from its picture, besides its window."""

    upside_down: bool
    angle: float  # in radians, counterclockwise as seen
    offsets: Places | None  # (2, KNOTS + 3, KNOTS + 3): rows and columns by which the spline's knots move, in pixels


@dataclass(frozen=True)
class Augment:
    """The [data.augment] table: how much training pictures are changed at most. Off by default."""

    flip_vertical: bool = False  # crops are turned upside down, with probability 0.5
    rotate: float = 0.0  # largest angle, in degrees, by which crops are turned either way
    zoom: float = 0.0  # largest share by which pictures are enlarged or reduced, down to the crop's size
    elastic: float = 0.0  # largest share of the crop's sides by which its parts are moved, smoothly; at most 0.1
    colour: float = 0.0  # largest share by which the source's brightness, contrast and saturation change

    def __post_init__(self) -> None:
        for name, most in (("rotate", 180), ("zoom", 1), ("elastic", 0.1), ("colour", 1)):
            if not 0 <= getattr(self, name) <= most:
                raise UsageError(f"data.augment.{name} is {getattr(self, name)}; it must lie between 0 and {most}.")

    @property
    def moves(self) -> bool:
        """Whether anything but colours changes."""
        return self.flip_vertical or bool(self.rotate or self.zoom or self.elastic)

    def factor(self, rng: np.random.Generator) -> float:
        """By how much a picture is enlarged: as often by f as by 1 / f."""
        return (1 + self.zoom) ** rng.uniform(-1, 1) if self.zoom else 1.0

    def draw(self, rng: np.random.Generator, crop_size: tuple[int, int]) -> Move:
        upside_down = self.flip_vertical and bool(rng.random() < 0.5)
        angle = math.radians(rng.uniform(-self.rotate, self.rotate)) if self.rotate else 0.0
        if not self.elastic:
            return Move(upside_down, angle, None)
        sides = np.array(crop_size, dtype=np.float64)[:, None, None]
        return Move(upside_down, angle, rng.uniform(-1, 1, (2, KNOTS + 3, KNOTS + 3)) * self.elastic * sides)

    def coloured(self, picture: Stored, kind: Kind, rng: np.random.Generator) -> Stored:
        """Saturation (of RGB), contrast about the mean, and brightness changed within the Kind's range; the depth stays."""
        if not self.colour:
            return picture
        saturation, contrast, brightness = 1 + self.colour * rng.uniform(-1, 1, 3)
        low, high = kind.range
        values: npt.NDArray[np.float32] = (picture.astype(np.float32) - low) / (high - low)
        if kind.colour == "rgb":
            grey = luma(values)
            values = grey + np.float32(saturation) * (values - grey)
        missing = missing_in(values)
        mean = values.mean() if missing is None else values[~missing].mean() if not missing.all() else 0
        values = np.float32(brightness) * (mean + np.float32(contrast) * (values - mean))
        found: Stored = np.clip(values, 0, 1) * np.float32(high - low) + np.float32(low)
        return rounded(found, picture.dtype)


def places_of(corner: tuple[int, int], crop_size: tuple[int, int], mirrored: bool, move: Move) -> Places:
    """(2, height, width): from which row and column of the resized picture each pixel of the crop is taken.

    The crop is mirrored and turned about its middle. It is bent by a uniform cubic B-spline (Rueckert et al. 1999), whose
    offsets stay under 0.48 of the distance between two knots, so nothing is folded (Choi and Lee 2000).
    """
    height, width = crop_size
    middle = (np.array(crop_size) - 1) / 2
    rows, columns = np.meshgrid(np.arange(height) - middle[0], np.arange(width) - middle[1], indexing="ij")
    rows, columns = (-rows if move.upside_down else rows), (-columns if mirrored else columns)
    cos, sin = math.cos(move.angle), math.sin(move.angle)
    places = np.stack([cos * rows + sin * columns, cos * columns - sin * rows])
    if move.offsets is not None:
        places += np.einsum("ik,ckj->cij", spline(height), np.einsum("ckl,jl->ckj", move.offsets, spline(width)))
    centre: Places = places + (middle + corner)[:, None, None]
    return centre


def spline(length: int) -> Places:
    """(length, KNOTS + 3): how much each knot counts at each pixel; a row's sum is 1."""
    at = (np.arange(length) + 0.5) / length * KNOTS
    first = at.astype(int)
    part = at - first
    counts = [(1 - part) ** 3, 3 * part**3 - 6 * part**2 + 4, 1 + 3 * (part + part**2 - part**3), part**3]
    weights = np.zeros((length, KNOTS + 3))
    for number, count in enumerate(counts):
        weights[np.arange(length), first + number] = count / 6
    return weights


def taken(picture: Stored, size: tuple[int, int], places: Places, how: Filter) -> Stored:
    """The pixels at these places of ``picture`` resized to ``size``, as ``how`` says.

    Only what is needed is resized: to twice the size, in which a pixel is the bilinear mean of four. That hardly blurs.
    """
    place = [reflected(at, length) for at, length in zip(places, size, strict=True)]
    if how == "nearest":
        scaled = ((at + 0.5) * (own / side) for at, own, side in zip(place, picture.shape, size, strict=False))
        rows, columns = (np.minimum(at.astype(int), own - 1) for at, own in zip(scaled, picture.shape, strict=False))
        chosen: Stored = picture[rows, columns]
        return chosen
    (top, bottom), (left, right) = (
        (max(int(at.min()) - 1, 0), min(int(at.max()) + 3, side)) for at, side in zip(place, size, strict=True)
    )
    down, across = picture.shape[0] / size[0], picture.shape[1] / size[1]
    box = left * across, top * down, min(right * across, picture.shape[1]), min(bottom * down, picture.shape[0])
    part = resize_part(picture, box, 2 * (bottom - top), 2 * (right - left), how)
    values = bilinear(part, 2 * (place[0] - top) + 0.5, 2 * (place[1] - left) + 0.5)
    return rounded(values, picture.dtype)


def reflected(places: Places, length: int) -> Places:
    """Places beyond the borders brought back, as d c b a | a b c d | d c b a."""
    within = (places + 0.5) % (2 * length)
    return np.clip(np.minimum(within, 2 * length - within) - 0.5, 0, length - 1)


def bilinear(picture: Stored, rows: Places, columns: Places) -> npt.NDArray[np.float32]:
    height, width, channels = picture.shape
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.minimum(rows.astype(int), height - 2), np.minimum(columns.astype(int), width - 2)
    down, across = ((at - first).astype(np.float32)[..., None] for at, first in ((rows, top), (columns, left)))
    flat, first = picture.reshape(-1, channels), top * width + left
    one, two, three, four = (flat[first + step].astype(np.float32) for step in (0, 1, width, width + 1))
    upper, lower = one + across * (two - one), three + across * (four - three)
    found: npt.NDArray[np.float32] = upper + down * (lower - upper)
    return found
