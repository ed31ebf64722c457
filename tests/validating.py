"""Validations and their run's state, tiny, for tests."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from toys import tiny_recipe

from diptych.data import FolderSplits
from diptych.networks.noise import seeded
from diptych.training.processes import Processes
from diptych.training.state import State
from diptych.training.validation import Validation

CPU = torch.device("cpu")


def made(pairs: Path, system: str = "pix2pix", *overrides: str) -> tuple[Validation, State]:
    recipe = tiny_recipe(system, pairs, *overrides)
    return Validation(recipe, CPU, FolderSplits(recipe.data).validation()), State(recipe, Processes(0, 1, CPU))


def asked(state: State, path: str, picture: Tensor) -> Tensor:
    with torch.inference_mode(), seeded(0):
        output: Tensor = state.system.get_submodule(path).eval()(picture)
        return output


def as_tile(picture: Tensor) -> np.ndarray:
    return ((picture[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
