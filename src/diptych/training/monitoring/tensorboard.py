"""TensorBoard events, where asked for; the package is an extra."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError


class Board:
    """Writes to ``folder``/tensorboard, or nowhere when the folder is None."""

    def __init__(self, folder: Path | None) -> None:
        self.writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter  # an extra, and slow to import
        except ImportError:
            raise DiptychError(
                "training.tensorboard needs TensorBoard: pip install 'diptych[tensorboard]', or set it to false."
            ) from None
        self.writer = SummaryWriter(str(folder / "tensorboard"))

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        if self.writer is not None:
            for name, value in values.items():
                self.writer.add_scalar(name.replace(".", "/"), value, step)
            self.writer.flush()

    def picture(self, picture: np.ndarray, step: int) -> None:
        """``picture``: uint8, H x W x 3."""
        if self.writer is not None:
            self.writer.add_image("validation", picture, step, dataformats="HWC")
