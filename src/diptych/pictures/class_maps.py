"""Class maps and instance maps: decoded files to checked class and instance numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError
from diptych.pictures.decoded import Decoded
from diptych.pictures.kinds import Kind, Stored

Palette = Sequence[tuple[int, int, int]]
AT_ONCE = 1 << 20
"""Distances of colours held at once."""


def nearest_class(picture: npt.NDArray[np.uint8], palette: Palette) -> npt.NDArray[np.uint16]:
    """uint8 RGB (H, W, 3) to (H, W): the index of the palette colour nearest to each pixel; the first of equal ones."""
    red, green, blue = (picture[..., channel].reshape(-1).astype(np.int32) for channel in range(3))
    keys, places = np.unique((red << 16) | (green << 8) | blue, return_inverse=True)
    colours = np.stack([keys >> 16, keys >> 8 & 255, keys & 255], axis=1)
    found = np.empty(len(colours), dtype=np.uint16)
    together = max(AT_ONCE // len(palette), 1)  # noise has millions of colours, each with a distance to every class
    for start in range(0, len(colours), together):
        apart = np.square(colours[start : start + together, None] - np.asarray(palette, dtype=np.int32)).sum(2)
        found[start : start + together] = apart.argmin(1)
    classes: npt.NDArray[np.uint16] = found[places.reshape(-1)].reshape(picture.shape[:2])
    return classes


def class_numbers(decoded: Decoded, kind: Kind, name: str) -> Stored:
    """(H, W, 1) uint16 class numbers of an index picture, or of a coloured one by the Kind's palette.

    An array may have instance numbers as its second channel, which gives (H, W, 2).

    Raises:
        DiptychError: for a value that is no class, with the file, the value, the place, and the classes there are; for
            colours where no palette is stated; for float values.
    """
    if kind.instances and decoded.pixels.shape[2] == 2:  # an array that has both
        parts = (
            class_numbers(Decoded(decoded.pixels[..., :1]), kind, name),
            instance_numbers(Decoded(decoded.pixels[..., 1:]), name),
        )
        return np.concatenate(parts, axis=2)
    pixels = decoded.colours
    if pixels.dtype == np.float32 or pixels.shape[2] not in (1, 3):
        raise DiptychError(
            f"{name} holds {pixels.shape[2]} channels of {pixels.dtype}; a class map is an index picture of 8 or 16 bits, "
            f"or an RGB picture whose colours are the kind's palette."
        )
    if pixels.shape[2] == 3:
        if not kind.palette:
            raise DiptychError(
                f"{name} is an RGB picture: state the colours of its classes in data.source.palette (`diptych data palette` "
                f"finds them), or save it as an index picture."
            )
        eight = pixels if pixels.dtype == np.uint8 else (pixels // 257).astype(np.uint8)
        return nearest_class(eight, kind.palette)[..., None]
    numbers = pixels.astype(np.int64)
    if kind.unknown >= 0:
        numbers = np.where(numbers == kind.unknown, kind.classes, numbers)
    wrong = (numbers > kind.classes) | ((numbers == kind.classes) & (pixels != kind.unknown))
    if wrong.any():
        row, column, _ = (int(place) for place in np.argwhere(wrong)[0])
        raise DiptychError(
            f"{name} holds the value {int(pixels[row, column, 0])} at row {row}, column {column}, and there are "
            f"{kind.classes} classes ({known_classes(kind)}); {remedy(pixels, int(pixels[row, column, 0]), kind)}."
        )
    return numbers.astype(np.uint16)


def remedy(pixels: npt.NDArray[Any], value: int, kind: Kind) -> str:
    """The remedy for a value that is no class."""
    present = np.unique(pixels)
    if len(present) <= kind.classes and value == present[-1]:  # as many as there are classes, in other numbers
        listing = ", ".join(str(number) for number in present[:12])
        return f"its values are {listing}: number the classes from 0, so that {value} becomes {len(present) - 1}"
    return f"correct the file, data.source.classes, or state data.source.unknown={value}"


def known_classes(kind: Kind) -> str:
    """The class numbers for messages, with names where the Kind has them."""
    shown = [f"{number} {kind.names[number]}" for number in range(min(kind.classes, 12))] if kind.names else []
    listing = ", ".join(shown) + (", ..." if shown and kind.classes > len(shown) else "")
    return listing or f"0 to {kind.classes - 1}"


def instance_numbers(decoded: Decoded, name: str) -> Stored:
    """(H, W, 1) uint16: instances renumbered from 0, whatever their encoding.

    Known are index pictures of 8 and 16 bits, and RGB pictures in which every instance has a colour of its own.

    Raises:
        DiptychError: for float values, or more than 65,536 instances.
    """
    pixels = decoded.colours
    if pixels.dtype == np.float32:
        raise DiptychError(f"{name} holds float values; an instance map is of whole numbers.")
    packed = np.zeros(pixels.shape[:2], dtype=np.int64)
    for channel in range(pixels.shape[2]):
        packed = packed * 65536 + pixels[..., channel]
    found, places = np.unique(packed, return_inverse=True)
    if len(found) > 65536:
        raise DiptychError(f"{name} holds {len(found)} instances; is it a photo instead of an instance map?")
    return places.reshape(packed.shape).astype(np.uint16)[..., None]
