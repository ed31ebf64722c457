"""Stored pictures on their way into a network and out of it: to the scale of training, and back to their own size. No torch."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError
from diptych.pictures.kinds import Stored
from diptych.pictures.resizing import resize
from diptych.pictures.sizes import Size, parse_size
from diptych.pictures.values.missing import missing_in, with_nodata, without_gaps
from diptych.translator.card import Card


class EngineInfo(Protocol):
    """How a translator computes."""

    @property
    def name(self) -> str: ...

    @property
    def precision(self) -> str: ...


class TranslatorBase(ABC):
    """What every translator does before and after its network, by its card."""

    card: Card
    engine: EngineInfo
    tile: int | None
    """Side of the tiles of large pictures; None chooses by the memory that is free, 0 takes all pictures whole."""

    memory: float = math.inf
    """Bytes that a picture may take; infinite: half of what is free."""

    @abstractmethod
    def translate_many(self, pictures: Sequence[Stored], *, size: Size = None, seed: int | None = None) -> list[Stored]:
        """Translate pictures of one network size in one batch; each comes out as it would alone."""

    def for_large_pictures(self) -> "TranslatorBase":
        """The one for pictures that are translated alone."""
        return self

    def network_size(self, shape: Sequence[int], size: Size = None) -> tuple[int, int]:
        """(height, width) at which the network sees a picture of ``shape``: height, width, and whatever follows.

        With tiles of a chosen side, None means the picture's own size.
        """
        height, width = shape[:2]
        wanted = parse_size(size) or ("own" if self.tile else "training")
        if wanted == "own":
            return height, width
        return self.card.network_size(height, width) if wanted == "training" else wanted

    def resize_sources(self, pictures: Sequence[Stored], size: Size) -> list[Stored]:
        """Pictures at their network size.

        Raises:
            DiptychError: for another number of channels than the translator takes.
        """
        source, found = self.card.source, pictures[0].shape[2]
        if found != source.stored_channels:
            raise DiptychError(
                "this translator needs an instance map beside each class map; name their folder with --instances, or give an "
                "array of two channels."
                if source.instances
                else f"the picture has {found} channels, and this translator takes {source.stored_channels}."
            )
        method = "nearest" if source.colour == "labels" else self.card.filter
        return [resize(picture, *self.network_size(picture.shape, size), method) for picture in pictures]

    def stacked(self, pictures: Sequence[Stored]) -> npt.NDArray[Any]:
        """(batch, H, W, C) of the Kind's depth, for a network that has its processing inside."""
        return np.stack([without_gaps(one, self.card.source) for one in pictures])

    def to_stored(self, results: Iterable[npt.NDArray[Any]], pictures: Sequence[Stored]) -> list[Stored]:
        """Results of the network (C, H, W) as stored, in the sizes of their pictures.

        Colour without lightness is laid on the lightness of its picture.
        """
        target = self.card.target
        if target.colour != "chroma":
            return self.resize_back(map(target.to_stored, results), pictures)
        planes = self.resize_back((result.transpose(1, 2, 0) for result in results), pictures)
        return [target.to_stored(one.transpose(2, 0, 1), source=it) for one, it in zip(planes, pictures, strict=True)]

    def resize_back(self, results: Iterable[Stored], pictures: Sequence[Stored]) -> list[Stored]:
        """Results in the sizes of their pictures; within the range of values, which bicubic leaves at edges.

        A pixel whose source has no data gets the value for no data.
        """
        target, smooth = self.card.target, self.card.filter
        method = (
            "nearest" if target.colour == "labels" else "bicubic" if smooth == "area" else smooth
        )  # area gives blocks
        low, high = (-1.0, 1.0) if target.colour == "chroma" else target.range
        found = []
        for result, picture in zip(results, pictures, strict=True):
            height, width = (side * self.card.scale for side in picture.shape[:2])
            if result.shape[:2] != (height, width):
                result = resize(result, height, width, method)
                if target.colour != "labels":
                    result = np.clip(result, low, high).astype(result.dtype)
            missing = missing_in(picture) if self.card.source.has_gaps else None
            if missing is not None:
                missing = missing.repeat(self.card.scale, axis=0).repeat(self.card.scale, axis=1)
            found.append(with_nodata(result, missing, target) if target.has_gaps else result)
        return found
