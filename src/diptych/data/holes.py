"""Holes for inpainting: boolean masks (height, width), True in the hole, drawn from a given generator."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Mask = npt.NDArray[np.bool_]
Shape = tuple[int, int]
MOST_SQUARES = 4
MOST_STROKES = 64


def centre(shape: Shape, share: float, rng: np.random.Generator) -> Mask:
    """A rectangle in the middle with the picture's proportions; a share of 0.25 has half the side."""
    height, width = (max(round(side * math.sqrt(share)), 1) for side in shape)
    return rectangle(shape, (shape[0] - height) // 2, (shape[1] - width) // 2, height, width)


def squares(shape: Shape, share: float, rng: np.random.Generator) -> Mask:
    """One to four squares anywhere, together about ``share`` of the picture unless they overlap."""
    count = int(rng.integers(1, MOST_SQUARES + 1))
    side = min(max(round(math.sqrt(share * shape[0] * shape[1] / count)), 1), *shape)
    mask = np.zeros(shape, dtype=bool)
    for _ in range(count):
        top, left = (int(rng.integers(length - side + 1)) for length in shape)
        mask |= rectangle(shape, top, left, side, side)
    return mask


def strokes(shape: Shape, share: float, rng: np.random.Generator) -> Mask:
    """Winding strokes of a thick brush, until they cover about ``share`` of the picture."""
    picture = Image.new("1", shape[::-1])
    draw = ImageDraw.Draw(picture)
    brush = max(min(shape) // 16, 1), max(min(shape) // 8, 2)
    for _ in range(MOST_STROKES):
        x, y = rng.random() * shape[1], rng.random() * shape[0]
        width, angle = int(rng.integers(brush[0], brush[1] + 1)), rng.random() * 2 * math.pi
        for _ in range(int(rng.integers(2, 7))):
            angle += rng.uniform(-1.2, 1.2)
            length = rng.uniform(0.05, 0.2) * min(shape)
            end = (x + length * math.cos(angle), y + length * math.sin(angle))
            draw.line([(x, y), end], fill=1, width=width)
            draw.ellipse([end[0] - width / 2, end[1] - width / 2, end[0] + width / 2, end[1] + width / 2], fill=1)
            x, y = end
        if np.asarray(picture).mean() >= share:
            break
    return np.asarray(picture).copy()


def rectangle(shape: Shape, top: int, left: int, height: int, width: int) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


HOLES: dict[str, Callable[[Shape, float, np.random.Generator], Mask]]
HOLES = {"centre": centre, "squares": squares, "strokes": strokes}
