"""Kinds: what a tensor of pixels means, and how it is converted from and to pictures as files hold them.

A picture *as stored* is a numpy array of shape (height, width, channels), of one of the depths in ``depths``. A picture *as seen by
networks* is a float32 tensor of shape (channels, height, width) in [-1, 1]. A :class:`Kind` states the conversion for one
domain; nothing is guessed from content.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError, UsageError
from diptych.pictures.depths import LIMITS, RANGES, SIGNED, Depth, is_float, rounded, work_depth
from diptych.pictures.values.distinct_colours import distinct_colours
from diptych.pictures.values.lab import lab_to_rgb, rgb_to_lab
from diptych.tables import to_table

if TYPE_CHECKING:  # torch is loaded where a tensor is made: serving exported files works without it
    from torch import Tensor

Stored = npt.NDArray[Any]

Content = Literal["rgb", "grey", "lightness", "chroma", "channels", "slices", "labels", "holed", "instances", "mask"]
MEASURED = ("rgb", "grey", "channels", "slices")
Colour = tuple[int, int, int]


class Batch(NamedTuple):
    """What a system learns from: pictures float32 in [-1, 1], (batch, channels, height, width).

    The source of a labels Kind is int32: channel 0 the class of each pixel, channel 1 where there is one its instance.
    That of a holed Kind has a fourth channel, 1 in the hole and -1 outside. A target may be larger than its source.
    """

    source: "Tensor"
    target: "Tensor"

    @property
    def weights(self) -> "Tensor | None":
        """1 where both pictures have data, else 0, as (batch, 1, height, width) of the target; None where they have it everywhere."""
        return None

    def fill(self, pictures: "Tensor") -> "Tensor":
        """The pictures with 0, the middle of the range, where there is no data."""
        return pictures

    def with_source_filled(self) -> "Batch":
        """The batch with sources that lack data where their targets do; the generator of a pair may see what is there."""
        return self


@dataclass(frozen=True)
class Kind:
    """What the pictures of one domain are."""

    # What a pixel is. lightness and chroma are the L and the a, b of CIE Lab (sRGB, D65), read from RGB pictures; labels are class
    # numbers, instances those of the objects; slices are neighbours in a volume; holed is RGB with a hole where the opacity is
    # under a half, mask where a hole is to be.
    colour: Content = "rgb"
    depth: Depth = "uint8"  # of a pixel in the files of this domain, in and out; signed ones hold measured values
    channels: int = 0  # how many there are; only for colour = "channels" or "slices"
    low: float = 0.0  # lowest value of the stated range, which becomes -1
    # Highest value, which becomes 1. Both 0 mean the whole range of an unsigned depth, and 0 to 1 for floats.
    high: float = 0.0
    beyond: Literal["clip", "refuse"] = "clip"  # what becomes of values beyond the stated range
    scale: Literal["linear", "logarithmic"] = "linear"  # logarithmic: networks see the values' logarithms
    unit: str = ""  # of the values, such as "HU"; it is shown beside them
    # What stands in files for a pixel without data: a number, or nan. It is left out of losses and scores, and comes back.
    nodata: float | Literal["none", "nan"] = "none"
    # 8-bit RGB on which a picture with alpha is composited; of a holed Kind, what stands in the hole.
    background: Colour = (255, 255, 255)
    classes: int = 0  # how many classes there are, numbered from 0; only for colour = "labels"
    # A pixel value of label maps that stands for no class, such as 255; it gets a number of its own, ``classes``.
    unknown: int = -1
    instances: bool = False  # each label map has an instance map beside it
    names: tuple[str, ...] = ()  # names of the classes
    palette: tuple[Colour, ...] = ()  # 8-bit colours of the classes, for reading and showing coloured label maps

    def __post_init__(self) -> None:
        if self.colour not in get_args(Content):
            raise UsageError(f'a kind knows no colour "{self.colour}"; there are {", ".join(get_args(Content))}.')
        if self.depth not in get_args(Depth):
            raise UsageError(f'a kind knows no depth "{self.depth}"; there are {", ".join(get_args(Depth))}.')
        if self.beyond not in ("clip", "refuse"):
            raise UsageError(f'a kind\'s beyond is "clip" or "refuse", not "{self.beyond}".')
        several = self.colour in ("channels", "slices")
        if several and self.channels < 1:
            raise UsageError(f'a kind with colour = "{self.colour}" must say how many: channels = 5.')
        if not several and self.channels:
            raise UsageError(f'channels = {self.channels} needs colour = "channels"; {self.colour} has its own number.')
        for check in (self.check_range, self.check_scale, self.check_nodata, self.check_classes):
            check()
        if len(list(self.background)) != 3 or not all(0 <= value <= 255 for value in self.background):
            raise UsageError(f"a kind's background is 8-bit RGB, such as [255, 255, 255], not {self.background}.")

    def check_range(self) -> None:
        low, high = self.low, self.high
        if (low or high) and not (low < high and math.isfinite(high - low)):
            raise UsageError(f"a kind's low ({low}) must be under its high ({high}).")
        if self.depth in SIGNED:
            if not (low or high):
                raise UsageError(
                    f"a kind of {self.depth} must state its range, such as low = -1024 and high = 3000: "
                    f"signed values have no black and white of their own."
                )
            if self.colour not in MEASURED:
                raise UsageError(
                    f'a kind of {self.depth} holds measured values: its colour is "grey", "rgb" or "channels".'
                )
        least, most = LIMITS.get(self.depth, (-math.inf, math.inf))
        if low < least or high > most:
            raise UsageError(
                f"a kind of {self.depth} cannot reach from {low} to {high}; it holds {least:.0f} to {most:.0f}."
            )

    def check_scale(self) -> None:
        if self.scale not in ("linear", "logarithmic"):
            raise UsageError(f'a kind\'s scale is "linear" or "logarithmic", not "{self.scale}".')
        if self.scale == "logarithmic" and not (self.low > 0 and self.colour in MEASURED):
            raise UsageError(
                'a kind with scale = "logarithmic" is "grey", "rgb" or "channels" and must state its range with a low above 0, '
                "such as low = 0.001 and high = 10."
            )

    def check_nodata(self) -> None:
        if not self.has_gaps:
            return
        if self.colour not in MEASURED:
            raise UsageError(f'nodata is for kinds of "grey", "rgb" or "channels", not of "{self.colour}".')
        if is_float(self.depth):
            if isinstance(self.nodata, str) and self.nodata != "nan":
                raise UsageError(f'a kind\'s nodata is a number, "nan" or "none", not "{self.nodata}".')
            return
        least, most = LIMITS[self.depth]
        if isinstance(self.nodata, str) or not (self.nodata == int(self.nodata) and least <= self.nodata <= most):
            raise UsageError(
                f"a kind of {self.depth} has whole numbers from {least:.0f} to {most:.0f}, and nodata is {self.nodata}; "
                f"give one of them."
            )

    def check_classes(self) -> None:
        if self.colour != "labels":
            if self.classes or self.names or self.palette or self.instances or self.unknown != -1:
                raise UsageError(
                    'classes, unknown, instances, names and palette of a kind need colour = "labels" '
                    "(the palette of an RGB label picture is data.palette)."
                )
            return
        if self.palette and not self.classes:
            object.__setattr__(self, "classes", len(self.palette))
        if not 1 <= self.classes <= 65535:
            raise UsageError('a kind with colour = "labels" must say how many classes there are: classes = 12.')
        for what, given in (("names", len(self.names)), ("colours in its palette", len(self.palette))):
            if given not in (0, self.classes):
                raise UsageError(f"a kind with {self.classes} classes has {given} {what}; give one for each, or none.")

    @property
    def network_channels(self) -> int:
        """Channels of the tensor."""
        if self.colour == "labels":
            return 1 + self.instances
        known = {"rgb": 3, "grey": 1, "lightness": 1, "chroma": 2, "holed": 4, "instances": 1, "mask": 1}
        return known.get(self.colour, self.channels)

    @property
    def stored_channels(self) -> int:
        """Channels of the stored picture; lightness and chroma are read from RGB and written as RGB."""
        return {"lightness": 3, "chroma": 3}.get(self.colour, self.network_channels)

    @property
    def range(self) -> tuple[float, float]:
        """(lowest, highest) stored value, which become -1 and 1."""
        return (self.low, self.high) if self.low or self.high else (0.0, RANGES[self.depth])

    @property
    def has_gaps(self) -> bool:
        """Whether pixels may lack data; such pictures are floats with NaN there once they are read."""
        return self.nodata != "none"

    def to_tensor(self, stored: Stored) -> "Tensor":
        """(H, W, stored_channels) to float32 (network_channels, H, W) in [-1, 1]; values out of range are clipped.

        Pixels without data are NaN, before and after.
        """
        import torch

        return torch.from_numpy(self.to_planes(stored))

    def to_planes(self, stored: Stored) -> npt.NDArray[Any]:
        """The same as an array.

        It uses elementwise numpy alone, which starts no threads within worker threads.
        """
        if self.colour == "labels":
            return np.ascontiguousarray(stored.transpose(2, 0, 1), dtype=np.int32)
        low, high = self.range
        work = work_depth(self.depth)
        planes: npt.NDArray[Any] = np.array(
            stored.transpose(2, 0, 1), dtype=work, order="C"
        )  # a copy, changed in place
        if self.colour in ("lightness", "chroma"):
            lab = rgb_to_lab(np.clip((planes - low) / (high - low), 0, 1))
            planes = lab[:1] / np.float32(50) - 1 if self.colour == "lightness" else lab[1:] / np.float32(110)
        elif self.scale == "logarithmic":
            exponents = np.log(np.maximum(planes.astype(np.float64), low) / low)
            planes = exponents * (2 / math.log(high / low)) - 1
        else:
            planes -= work(low)  # first, since it is exact where the values lie far from 0 and close together
            planes *= work(2 / (high - low))
            planes -= 1
            if self.colour == "holed":  # opacity to a mask of the hole
                planes[3] = np.where(stored[..., 3] == 0, 1, -1)  # stored as 0 whatever the range
        return np.clip(planes, -1, 1, out=planes).astype(np.float32, copy=False)

    def to_stored(self, tensor: "Tensor | npt.NDArray[np.float32]", source: Stored | None = None) -> Stored:
        """Back from a tensor, or its array, to (H, W, C) of the Kind's depth, rounded to the nearest value.

        For chroma the result is RGB, its lightness that of ``source`` (a stored RGB picture of the same size; the range
        is this Kind's, or where the depths differ the whole one of the source's depth) or 50 where there is none; for
        lightness it is the grey RGB picture of that lightness.

        Raises:
            DiptychError: when the tensor holds NaN or infinity.
        """
        low, high = self.range
        planes: Any = tensor if isinstance(tensor, np.ndarray) else tensor.detach().float().cpu().numpy()
        if self.colour == "labels":
            return np.ascontiguousarray(planes.transpose(1, 2, 0)).astype(np.uint16)
        if not np.isfinite(planes).all():
            raise DiptychError(
                "the network gave values that are not finite (NaN or infinity), so there is no picture; "
                "use another checkpoint, or look for such values in the input."
            )
        planes = np.clip(planes, -1, 1)
        if self.colour in ("lightness", "chroma"):
            shares = lab_to_rgb(self.lab(planes, source))
        else:
            shares = (planes + 1) / 2
        if self.scale == "logarithmic":
            values = low * (high / low) ** shares.astype(np.float64)
        else:
            values = np.clip(shares, 0, 1).astype(work_depth(self.depth), copy=False) * (high - low) + low
        return rounded(np.ascontiguousarray(values.transpose(1, 2, 0)), self.depth)

    def lab(self, planes: npt.NDArray[np.float32], source: Stored | None) -> npt.NDArray[np.float32]:
        """The three Lab planes of which ``planes`` are one or two."""
        if self.colour == "lightness":
            lightness = (planes + 1) * 50
            return np.concatenate([lightness, np.zeros_like(lightness), np.zeros_like(lightness)])
        lightness = np.full_like(planes[:1], 50)
        if source is not None:
            depth = str(source.dtype)
            low, high = self.range if depth == self.depth else (0.0, RANGES[depth])
            rgb = source.transpose(2, 0, 1).astype(np.float32)
            lightness = rgb_to_lab(np.clip((rgb - low) / (high - low), 0, 1))[:1]
        return np.concatenate([lightness, planes * 110])

    def preview(self, tensor: "Tensor", source: Stored | None = None) -> npt.NDArray[np.uint8]:
        """uint8 (H, W, 3) to show: the first three channels, or the first or of slices the middle one as grey; NaN as middle grey."""
        import torch

        if self.colour == "labels":
            shown: npt.NDArray[np.uint8] = self.colours()[tensor[0].detach().cpu().numpy()]
            return shown
        tensor = torch.nan_to_num(tensor.detach().float().cpu(), nan=0.0)
        if self.colour in ("lightness", "chroma"):
            low, high = self.range
            shares = (self.to_stored(tensor, source).astype(np.float32) - low) / (high - low)
        else:
            planes = np.clip(tensor.numpy(), -1, 1)
            planes = planes[len(planes) // 2 :][:1] if self.colour == "slices" else planes
            planes = planes[:3] if len(planes) >= 3 else np.repeat(planes[:1], 3, axis=0)
            shares = (planes.transpose(1, 2, 0) + 1) / 2
        seen: npt.NDArray[np.uint8] = np.rint(shares * 255).astype(np.uint8)
        return seen

    def colours(self) -> npt.NDArray[np.uint8]:
        """(classes + 1, 3): the palette, or colours that differ clearly; the last, black, is for unknown pixels."""
        return np.array([*(self.palette or distinct_colours(self.classes)), (0, 0, 0)], dtype=np.uint8)

    def with_channels(self, count: int) -> "Kind":
        """The same with so many channels: grey of 1, RGB of 3, else "channels"."""
        colour: Content = "grey" if count == 1 else "rgb" if count == 3 else "channels"
        return replace(self, colour=colour, channels=count if colour == "channels" else 0)

    def class_name(self, number: int) -> str:
        return self.names[number] if self.names else str(number)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a card."""
        return to_table(self)


INSTANCES = Kind(colour="instances", depth="uint16")
"""Instance maps, which number the objects of class maps."""
MASK = Kind(colour="mask")
"""Masks: 255 in the hole, else 0."""
