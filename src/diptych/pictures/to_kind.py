"""Convert a decoded file or array to a Kind: channels, opacity and depth. Nothing is guessed from values."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError
from diptych.pictures.class_maps import class_numbers, instance_numbers
from diptych.pictures.decoded import Decoded
from diptych.pictures.depths import EXACT_IN_FLOAT32, LIMITS, RANGES, SIGNED, is_float
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.profiles import apply_transform, srgb_transform
from diptych.pictures.values.missing import Missing, equal_to, missing_in, neutral, with_missing

EIGHT_BIT = Kind()


def as_kind(decoded: Decoded, kind: Kind, name: str) -> Stored:
    """(H, W, any channels) of any depth to (H, W, kind.stored_channels) of kind.depth.

    Opacity is laid on the Kind's background (a "channels" Kind keeps it as a channel), grey is repeated for colour,
    colour becomes its luma for grey, and unsigned integers of another depth are scaled by the full ranges of both.
    Signed integers are never scaled. With a Kind that states ``nodata``, pixels that hold NaN, that value or the one which
    the file itself states become NaN, and the picture floats.

    Raises:
        DiptychError: for another number of channels, values that the Kind's depth cannot hold, NaN where the Kind has no
            ``nodata``, or values beyond the range of a Kind that refuses them; it names ``name``.
    """
    if kind.colour == "instances":
        return instance_numbers(decoded, name)
    if kind.colour == "labels":
        return class_numbers(decoded, kind, name)
    if kind.colour == "holed":
        return holed(decoded, kind, name)
    if kind.colour == "mask":
        return hole_marked(decoded, name)
    pixels, missing = stated_missing(decoded, kind)
    if is_float(pixels.dtype) and not np.isfinite(pixels).all():
        remedy = "replace them" if kind.has_gaps else 'replace them, or have the kind state nodata = "nan"'
        raise DiptychError(f"{name} holds values that are not finite (NaN or infinity); {remedy}.")
    if kind.colour in ("channels", "slices"):
        if pixels.shape[2] != kind.channels:
            raise DiptychError(
                f"{name} has {pixels.shape[2]} channels, and the kind says {kind.channels}; "
                f"correct channels in data.source or data.target, or remove the file.{planes_first(pixels, kind)}"
            )
        return measured(pixels, missing, kind, name)
    if decoded.alpha:
        pixels = composited(pixels, kind)
    if pixels.shape[2] not in (1, 3):
        raise DiptychError(
            f"{name} has {pixels.shape[2]} channels, and the kind says {kind.colour}; for such files set "
            f'colour = "channels" and channels = {pixels.shape[2]}.{planes_first(pixels, kind)}'
        )
    pixels = measured(pixels, missing, kind, name)
    if pixels.shape[2] == kind.stored_channels:
        return pixels
    return np.repeat(pixels, 3, axis=2) if kind.stored_channels == 3 else luma(pixels)


def stated_missing(decoded: Decoded, kind: Kind) -> tuple[npt.NDArray[Any], Missing | None]:
    """The pixels, and of a Kind with gaps where they are NaN or what the file says stands for no data; these are filled."""
    if not kind.has_gaps:
        return decoded.pixels, None
    missing = missing_in(decoded.colours)
    if (nodata := decoded.metadata.nodata) is not None:
        same = equal_to(decoded.colours, nodata, kind.colour)
        missing = same if missing is None else missing | same
    if missing is None or not missing.any():
        return decoded.pixels, None
    return neutral(decoded.pixels, missing), missing


def measured(pixels: npt.NDArray[Any], missing: Missing | None, kind: Kind, name: str) -> Stored:
    """The pixels in the Kind's depth and range, with NaN where there is no data."""
    pixels = as_depth(pixels, kind, name)
    if not isinstance(kind.nodata, str):
        same = equal_to(pixels, kind.nodata, kind.colour)
        missing = same if missing is None else missing | same
    if missing is None or not missing.any():
        return within_range(pixels, kind, name)
    return with_missing(within_range(neutral(pixels, missing), kind, name), missing, kind)


def converted_to_srgb(decoded: Decoded, kind: Kind) -> Decoded:
    """Convert 8-bit colours from their profile to sRGB, and drop the profile; also 16-bit ones for a Kind of 8 bits.

    A Kind of numbers or channels holds no colours, and stays as it is.
    """
    if not decoded.metadata.profile or kind.colour in ("labels", "instances", "channels", "slices", "mask"):
        return decoded
    colours, opacity = np.split(decoded.pixels, [decoded.pixels.shape[2] - decoded.alpha], axis=2)
    mode = {1: "L", 3: "RGB"}.get(colours.shape[2])
    transform = srgb_transform(decoded.metadata.profile, mode) if mode else None
    eight_bit = colours.dtype == np.uint8 or (colours.dtype == np.uint16 and kind.depth == "uint8")
    if transform is None or not eight_bit:
        return decoded
    colours, opacity = (as_depth(part, EIGHT_BIT, "") for part in (colours, opacity))
    pixels = np.concatenate([apply_transform(colours, transform), opacity], axis=2)
    return Decoded(pixels, decoded.alpha, replace(decoded.metadata, profile=b""))


def holed(decoded: Decoded, kind: Kind, name: str) -> Stored:
    """(H, W, 4): RGB with the Kind's background in the hole, and opacity, either full or 0; no opacity is no hole."""
    plain = Kind(depth=kind.depth, low=kind.low, high=kind.high)
    colours = as_kind(Decoded(decoded.colours), plain, name)
    hole = np.zeros((*colours.shape[:2], 1), dtype=bool)
    if decoded.alpha:
        hole = decoded.pixels[..., -1:] < RANGES[str(decoded.pixels.dtype)] / 2
    return with_hole(colours, hole, kind)


def hole_marked(decoded: Decoded, name: str) -> Stored:
    """uint8 (H, W, 1), 255 in the hole: the light pixels, or on a transparent layer the drawn ones.

    Raises:
        DiptychError: for a mask that marks nothing because its values are 0 and 1, or in which both readings differ.
    """
    depth = str(decoded.pixels.dtype)
    colours = decoded.colours
    light = (luma(colours) if colours.shape[2] == 3 else colours[..., :1]) >= RANGES[depth] / 2
    drawn = decoded.pixels[..., -1:] >= RANGES[depth] / 2 if decoded.alpha else np.ones_like(light)
    if not is_float(depth) and colours.max() == 1:
        raise DiptychError(
            f"{name} is a mask of 0 and 1, which is black all over; save it with {RANGES[depth]:.0f} in place of 1."
        )
    if not drawn.all():
        if (light & drawn).any() and (~light & drawn).any():
            raise DiptychError(
                f"{name} has light and dark strokes on a transparent layer; save the mask without transparency, white where "
                f"the hole is."
            )
        light = drawn
    return np.where(light, 255, 0).astype(np.uint8)


def with_hole(colours: Stored, hole: npt.NDArray[np.bool_], kind: Kind) -> Stored:
    """Combine RGB (H, W, 3) and the hole (H, W, 1) into what a holed Kind stores, (H, W, 4)."""
    low, high = kind.range
    filling = np.array(kind.background, dtype=np.float32) / 255 * (high - low) + low
    filling = filling if is_float(kind.depth) else np.rint(filling)
    opacity = np.where(hole, 0, high)
    return np.concatenate([np.where(hole, filling, colours), opacity], axis=2).astype(kind.depth)


def completed(
    picture: Stored,
    kind: Kind,
    name: str,
    beside: Callable[[str], tuple[Stored, str] | None],
    remedies: Mapping[str, str],
) -> Stored:
    """Join a picture and its companion file: a class map and its instance map, or a photo and its mask of the hole.

    Args:
        beside: for "instances" or "mask" the companion and what errors call it, or None where none was given.
        remedies: for "instances" and "mask", how a user gives one.

    Raises:
        DiptychError: when the instance map is missing, there is no hole, or the sizes differ.
    """
    if kind.colour == "labels" and kind.instances and picture.shape[2] == 1:
        if (instances := beside("instances")) is None:
            raise DiptychError(f"{name} needs its instance map; {remedies['instances']}.")
        return np.concatenate([picture, same_size(instances[0], picture, name)], axis=2)
    if kind.colour != "holed":
        return picture
    if (mask := beside("mask")) is not None:
        picture = with_hole(picture[..., :3], same_size(mask[0], picture, name) >= 128, kind)
        if picture[..., 3].all():
            raise DiptychError(f"{mask[1]} marks no hole for {name}; it must be white where the hole is.")
    elif picture[..., 3].all():
        raise DiptychError(f"{name} has no hole to fill; make it transparent there, or {remedies['mask']}.")
    return picture


def same_size(beside: Stored, picture: Stored, name: str) -> Stored:
    if beside.shape[:2] != picture.shape[:2]:
        sizes = " and ".join(f"{one.shape[1]}x{one.shape[0]}" for one in (picture, beside))
        raise DiptychError(f"{name} and what belongs to it differ in size ({sizes}); bring them to one size.")
    return beside


def planes_first(pixels: npt.NDArray[Any], kind: Kind) -> str:
    """A hint where channels seem to come first, as in tensors; empty elsewhere."""
    if pixels.shape[0] != kind.stored_channels:
        return ""
    sides = " x ".join(map(str, pixels.shape))
    return f" It is an array of {sides}: were its channels first, save array.transpose(1, 2, 0)."


def composited(pixels: npt.NDArray[Any], kind: Kind) -> npt.NDArray[Any]:
    """Composite a picture, whose last channel is opacity, over the Kind's background."""
    depth = str(pixels.dtype)
    low, high = kind.range if depth == kind.depth else (0.0, RANGES[depth])
    colours, opacity = pixels[..., :-1].astype(np.float32), pixels[..., -1:].astype(np.float32) / RANGES[depth]
    background = np.array(kind.background, dtype=np.float32) / 255 * (high - low) + low
    if colours.shape[2] == 1:
        background = luma(background[None, None])[0, 0]
    mixed = colours * opacity + background * (1 - opacity)
    return (mixed if is_float(depth) else np.rint(mixed)).astype(pixels.dtype)


def luma(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """RGB (H, W, 3) to grey (H, W, 1) by ITU-R BT.601.

    Written out, since a matrix product would go to BLAS: that starts threads, and rounds differently on other machines.
    """
    red, green, blue = (pixels[..., channel].astype(np.float32) for channel in range(3))
    grey = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    rounded: npt.NDArray[Any] = (grey if is_float(pixels.dtype) else np.rint(grey)).astype(pixels.dtype)
    return rounded[..., None]


def as_depth(pixels: npt.NDArray[Any], kind: Kind, name: str) -> Stored:
    """The same picture in the Kind's depth.

    Unsigned integers are scaled by the full ranges, or for a float Kind to its range. Signed integers, and whatever is
    read for a Kind of signed integers, keep their values. Floats stay floats.

    Raises:
        DiptychError: where that would lose values.
    """
    found = str(pixels.dtype)
    if found == kind.depth:
        return pixels
    if found in SIGNED or kind.depth in SIGNED or is_float(found):
        return same_values(pixels, kind, name)
    if kind.depth == "uint16":
        return pixels.astype(np.uint16) * np.uint16(257)
    if kind.depth == "uint8":
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 / 255 = 257, to the nearest
    low, high = kind.range
    return (pixels.astype(np.float64) / RANGES[found] * (high - low) + low).astype(kind.depth)


def same_values(pixels: npt.NDArray[Any], kind: Kind, name: str) -> Stored:
    """Measured values in another depth that can hold them."""
    found = str(pixels.dtype)
    if is_float(found) and not is_float(kind.depth):
        raise DiptychError(
            f"{name} holds float values, and {kind.depth} is wanted: save it as {kind.depth}, or have the kind state "
            f'depth = "float32" with low and high.'
        )
    least, most = LIMITS.get(kind.depth, (-EXACT_IN_FLOAT32, EXACT_IN_FLOAT32))
    lossless = is_float(found) or kind.depth == "float64"
    if not lossless and (pixels.min() < least or pixels.max() > most or kind.depth not in (*SIGNED, "float32")):
        raise DiptychError(
            f"{name} holds {found} values from {pixels.min()} to {pixels.max()}, and {kind.depth} is wanted; have the kind "
            f'state depth = "{found}", with low and high.'
        )
    with np.errstate(over="ignore"):
        values = pixels.astype(kind.depth)
    if is_float(found) and not np.isfinite(values).all():
        raise DiptychError(
            f'{name} holds values that are not finite in float32; have the kind state depth = "float64".'
        )
    return values


def within_range(pixels: Stored, kind: Kind, name: str) -> Stored:
    """The picture itself; DiptychError for values beyond the range of a Kind that refuses them."""
    low, high = kind.range
    if kind.beyond == "refuse" and (pixels.min() < low or pixels.max() > high):
        raise DiptychError(
            f"{name} holds values from {pixels.min():g} to {pixels.max():g}, and the kind states {low:g} to {high:g}; "
            f'widen low and high, or have them clipped with beyond = "clip".'
        )
    return pixels
