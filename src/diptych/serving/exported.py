"""Exported files served without torch: numpy and ONNX Runtime alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.card import read_card
from diptych.errors import DiptychError, UsageError
from diptych.images import Stored
from diptych.runtimes import CARD, PRECISION, PROCESSING, feed, read_metadata, session_of


@dataclass(frozen=True)
class Engine:
    """As the page names it."""

    precision: str
    name: str = "onnx"


class Exported:
    """An ONNX file that diptych wrote, as a translator of stored pictures; equal to ``Translator.load`` of the file."""

    def __init__(self, place: Path) -> None:
        """Raises: DiptychError, when there is no such file, it is damaged, or another program's."""
        told = read_metadata(place)
        self.card = read_card(told[CARD], place)
        self.inside = told[PROCESSING] == "inside"
        self.engine = Engine(told[PRECISION])
        self.session = session_of(place)
        self.inputs = [one.name for one in self.session.get_inputs()]

    def several(self, pictures: Sequence[Stored], *, seed: int | None = None) -> list[Stored]:
        """Translate pictures (H, W, C) of equal height and width in one batch.

        Raises:
            DiptychError: for another number of channels than the translator takes.
        """
        card = self.card
        if pictures[0].shape[2] != card.source.stored_channels:
            raise DiptychError(
                f"the picture has {pictures[0].shape[2]} channels, and this translator takes {card.source.stored_channels}."
            )
        number = card.seed if seed is None else seed
        if self.inside:
            return list(self.run(np.stack(pictures), number))
        height, width = pictures[0].shape[:2]
        rows, columns = (reflected(size, card.multiple) for size in (height, width))
        planes = np.stack([card.source.to_planes(picture) for picture in pictures])
        result = self.run(planes[:, :, rows][..., columns], number)[..., : height * card.scale, : width * card.scale]
        return [card.target.to_stored(one, source=seen) for one, seen in zip(result, pictures, strict=True)]

    def run(self, source: npt.NDArray[Any], seed: int) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = self.session.run(None, feed(self.inputs, np.ascontiguousarray(source), seed))[0]
        return found


def reflected(size: int, multiple: int) -> npt.NDArray[np.intp]:
    """Which of ``size`` rows stands where in a picture that is padded by reflection as far as it reaches."""
    places = np.arange(-(-size // multiple) * multiple)
    return np.where(places < size, places, np.maximum(2 * (size - 1) - places, 0))


def opened(places: Sequence[Path], engine: str) -> list[Exported]:
    """The files, where torch is not installed.

    Raises:
        UsageError: for another engine.
        DiptychError: when one is a run or a model folder, or cannot be used.
    """
    if engine not in ("auto", "onnx"):
        raise UsageError(
            f"without torch there is the engine onnx alone, not {engine}; pip install torch brings the others."
        )
    for place in places:
        if place.suffix != ".onnx":
            raise DiptychError(
                f"{place} needs torch, which is not installed: where it is, diptych export {place} --to onnx --out it.onnx makes "
                f"a file that is served without."
            )
    return [Exported(place) for place in places]
