"""ONNX files served without torch: numpy and ONNX Runtime alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from diptych.errors import DiptychError, UsageError
from diptych.machine.runtimes import OnnxFile
from diptych.pictures.kinds import Stored
from diptych.pictures.sizes import Size
from diptych.translator.card import card_in
from diptych.translator.scaling import TranslatorBase


class OnnxTranslator(TranslatorBase):
    """An ONNX file that diptych wrote, as a translator of stored pictures.

    Results equal those of ``Translator.load``. Resized 8-bit pictures may differ by one grey level, since torch resizes
    them otherwise.
    """

    engine: OnnxFile

    def __init__(self, path: Path) -> None:
        """Raises: DiptychError, when there is no such file, it is damaged, or another program's."""
        self.engine = OnnxFile(path)
        self.card, self.tile = card_in(self.engine), 0

    def translate_many(self, pictures: Sequence[Stored], *, size: Size = None, seed: int | None = None) -> list[Stored]:
        """Translate pictures (H, W, C) of one network size in one batch.

        Raises:
            DiptychError: for another number of channels than the translator takes.
        """
        card = self.card
        seed = card.seed if seed is None else seed
        resized = self.resize_sources(pictures, size)
        if self.engine.inside:
            return self.resize_back(self.engine.arrays(self.stacked(resized), seed), pictures)
        height, width = resized[0].shape[:2]
        rows, columns = (reflected(side, card.multiple) for side in (height, width))
        planes = np.nan_to_num(np.stack([card.source.to_planes(one) for one in resized]), copy=False)  # NaN: no data
        result = self.engine.arrays(np.ascontiguousarray(planes[:, :, rows][..., columns]), seed)
        return self.to_stored(result[..., : height * card.scale, : width * card.scale], pictures)


def reflected(size: int, multiple: int) -> npt.NDArray[np.intp]:
    """The source row of each row after padding ``size`` to a multiple: by reflection as far as it reaches, then row 0."""
    places = np.arange(-(-size // multiple) * multiple)
    return np.where(places < size, places, np.maximum(2 * (size - 1) - places, 0))


def load_onnx_files(paths: Sequence[Path], engine: str) -> list[OnnxTranslator]:
    """Load the files where torch is not installed.

    Raises:
        UsageError: for another engine.
        DiptychError: when one is a run or a model folder, or cannot be used.
    """
    if engine not in ("auto", "onnx"):
        raise UsageError(
            f"without torch there is the engine onnx alone, not {engine}; pip install torch brings the others."
        )
    for path in paths:
        if path.suffix != ".onnx":
            raise DiptychError(
                f"{path} needs torch, which is not installed: where it is, diptych export {path} --to onnx --out it.onnx makes "
                f"a file that is served without."
            )
    return [OnnxTranslator(path) for path in paths]
