"""TensorBoard events, where asked for; the package is an extra."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError
from diptych.training.monitoring.callbacks import Callback, Training


class Board(Callback):
    """Writes to ``folder``/tensorboard.

    Raises:
        DiptychError: when TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter  # an extra, and slow to import
        except ImportError:
            raise DiptychError(
                "training.tensorboard needs TensorBoard: pip install 'diptych[tensorboard]', or set it to false."
            ) from None
        self.writer: Any = SummaryWriter(str(folder / "tensorboard"))

    def on_log(self, training: Training, step: int, means: Mapping[str, float]) -> None:
        for name, value in means.items():
            self.writer.add_scalar(name.replace(".", "/"), value, step)
        self.writer.flush()

    def on_validation(self, training: Training, step: int, scores: Mapping[str, float]) -> None:
        self.on_log(training, step, {f"validation.{name}": value for name, value in scores.items()})

    def on_pictures(self, training: Training, step: int, grid: np.ndarray) -> None:
        self.writer.add_image("validation", grid, step, dataformats="HWC")
