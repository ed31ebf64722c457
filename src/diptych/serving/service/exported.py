"""Exported files served without torch: numpy and ONNX Runtime alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError, UsageError
from diptych.machine.runtimes import PRECISION, PROCESSING, feed, read_metadata, run_session, session_of
from diptych.pictures.kinds import Stored
from diptych.pictures.sizes import Size
from diptych.translator.card import read_card
from diptych.translator.scaling import Scaled


@dataclass(frozen=True)
class Engine:
    """As the page names it."""

    precision: str
    name: str = "onnx"


class Exported(Scaled):
    """An ONNX file that diptych wrote, as a translator of stored pictures.

    Equal to ``Translator.load`` of the file; resized pictures to one grey level, since torch resizes 8-bit otherwise.
    """

    def __init__(self, place: Path) -> None:
        """Raises: DiptychError, when there is no such file, it is damaged, or another program's."""
        told = read_metadata(place)
        self.card = read_card(told, place)
        self.tile = 0
        self.inside = told[PROCESSING] == "inside"
        self.engine = Engine(told[PRECISION])
        self.session = session_of(place)
        self.inputs = [one.name for one in self.session.get_inputs()]

    def apart(self) -> "Exported":
        """The same for a large picture."""
        return self

    def several(self, pictures: Sequence[Stored], *, size: Size = None, seed: int | None = None) -> list[Stored]:
        """Translate pictures (H, W, C) that the network sees at one size in one batch.

        Raises:
            DiptychError: for another number of channels than the translator takes.
        """
        card = self.card
        self.check_channels(pictures[0])
        number = card.seed if seed is None else seed
        sized = [self.sized(picture, *self.seen(picture.shape, size)) for picture in pictures]
        if self.inside:
            arrays = self.run(np.stack(sized), number)
            return [self.brought_back(*both) for both in zip(arrays, pictures, strict=True)]
        height, width = sized[0].shape[:2]
        rows, columns = (reflected(side, card.multiple) for side in (height, width))
        planes = np.stack([card.source.to_planes(one) for one in sized])
        result = self.run(planes[:, :, rows][..., columns], number)[..., : height * card.scale, : width * card.scale]
        return [self.finished(*both) for both in zip(result, pictures, strict=True)]

    def run(self, source: npt.NDArray[Any], seed: int) -> npt.NDArray[Any]:
        return run_session(self.session, feed(self.inputs, np.ascontiguousarray(source), seed))


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
