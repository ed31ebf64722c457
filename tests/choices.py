"""Small folders of pictures, and what is chosen for them."""

from pathlib import Path
from typing import Any

import numpy as np
from sets import beside, drawing, photo, save

from diptych.tables import flatten
from diptych.training.setup.choice import Choice
from diptych.training.setup.configure import configure

CPU = "training.device=cpu"


def chosen(folder: Path, *overrides: str, **more: Any) -> tuple[Choice, dict[str, Any]]:
    choice = configure(str(folder), [CPU, *overrides], **more)
    return choice, flatten(choice.recipe.to_table())


def pairs_of(folder: Path, size: tuple[int, int], count: int = 10) -> Path:
    rng = np.random.default_rng(0)
    return save(folder, [beside(photo(rng, *size), drawing(rng, *size)) for _ in range(count)])
