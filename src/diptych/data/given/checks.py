"""What the two sides of an item may be: tensors as networks see them, or arrays as files hold them."""

import numpy as np
import torch
from torch import Tensor

from diptych.data.augment import Augment
from diptych.data.settings import DataSettings
from diptych.errors import UsageError
from diptych.pictures.class_maps import class_numbers
from diptych.pictures.decoded import Decoded
from diptych.pictures.depths import is_float
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.to_kind import as_kind

ROUNDING = 1e-5  # by which a tensor's values may lie beyond [-1, 1]


def as_seen(tensor: Tensor, kind: Kind, size: tuple[int, int], name: str) -> Tensor:
    """The tensor as networks take it: float32, or int32 for labels.

    Raises:
        UsageError: when it is something else.
    """
    wanted = (kind.network_channels, *size)
    labels = kind.colour == "labels"
    if tensor.device.type != "cpu":
        raise UsageError(
            f"{name} is on {tensor.device}; give tensors on the processor, training brings them to its device."
        )
    if tuple(tensor.shape) != wanted:
        raise UsageError(
            f"{name} is a tensor {tuple(tensor.shape)}, and {wanted} is needed: (channels, height, width), with the sides of "
            f"data.crop_size. Arrays are resized and cropped, tensors are not."
        )
    if tensor.is_floating_point() == labels or tensor.is_complex() or tensor.dtype == torch.bool:
        raise UsageError(
            f"{name} is a tensor of {tensor.dtype}; "
            + (
                "class numbers are integers."
                if labels
                else "give floating point in [-1, 1], or a numpy array as stored."
            )
        )
    tensor = tensor.detach().to(torch.int32 if labels else torch.float32)
    plain = tensor.nan_to_num(nan=0.0) if kind.has_gaps else tensor
    low, high = (float(end) for end in plain[0 if labels else slice(None)].aminmax())
    least, most = (0, kind.classes - (kind.unknown < 0)) if labels else (-1 - ROUNDING, 1 + ROUNDING)
    if not (low >= least and high <= most):
        remedy = "; unknown pixels are the number of classes" if labels else "; give 2 * x - 1 for [0, 1], or clamp it"
        found, allowed = f"{low:g} to {high:g}", f"{round(least)} to {round(most)}"
        raise UsageError(f"{name} holds values from {found}, and must lie within {allowed}{remedy}.")
    if kind.colour == "holed" and not bool((tensor[3].abs() == 1).all()):
        raise UsageError(f"{name} has other values than 1 (in the hole) and -1 in its fourth channel, the mask.")
    return tensor if labels else tensor.clamp(-1, 1)


def check_augment(settings: DataSettings, item: tuple[object, object], name: str) -> None:
    """Refuse an augmentation that cannot be done to an item of training.

    Raises:
        UsageError: for tensors with any, and for pictures with holes with one that would mix pixels of the hole with known ones.
    """
    augment = settings.augment
    if isinstance(item[0], Tensor) and augment != Augment():
        raise UsageError(f"{name} has tensors, which are taken as they are; set data.augment off or give arrays.")
    if settings.source.colour == "holed" and augment != Augment(flip_vertical=augment.flip_vertical):
        raise UsageError(
            f"{name} has a hole, and of data.augment pictures with holes take flip_vertical alone; set the others to 0."
        )


def as_stored(picture: Stored, kind: Kind, side: str, name: str) -> Stored:
    """The array as a file of the Kind holds it; class numbers are checked.

    Raises:
        DiptychError: when it is something else.
    """
    name = f"the {side} of {name}"
    if picture.ndim != 3 or 0 in picture.shape:
        raise UsageError(
            f"{name} is an array {picture.shape}; give (height, width, channels), also where there is one."
        )
    if kind.colour == "labels":
        if picture.dtype not in (np.uint8, np.uint16):
            raise UsageError(f"{name} is an array of {picture.dtype}; class numbers are uint8 or uint16.")
        picture = class_numbers(Decoded(picture), kind, name)
    elif str(picture.dtype) != kind.depth:
        raise UsageError(
            f"{name} is an array of {picture.dtype}, and data.{side}.depth is {kind.depth}; give that, or set it."
        )
    if picture.shape[2] != kind.stored_channels:
        raise UsageError(
            f"{name} is an array {picture.shape}, and data.{side} ({kind.colour}) has {kind.stored_channels} channels."
        )
    if kind.has_gaps:
        return as_kind(Decoded(picture), kind, name)
    if is_float(picture.dtype) and not np.isfinite(picture).all():
        raise UsageError(f"{name} holds values that are not finite.")
    return picture


def what_is(value: object) -> str:
    """What something is, for messages."""
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__module__}.{type(value).__name__}".replace("builtins.", "")
