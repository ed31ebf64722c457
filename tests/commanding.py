"""Commands as they are typed: what they leave behind, and pictures to type them on."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from toys import TINY

RNG = np.random.default_rng(0)


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Typed = Callable[..., Said]


def refused(said: Said, code: int, *words: str) -> None:
    """One sentence on standard error, which holds the words."""
    assert said.code == code, said
    assert len(said.err.strip().splitlines()) == 1, said.err
    assert said.err.startswith("diptych: ")
    for word in words:
        assert word in said.err


def save(path: Path, height: int = 20, width: int = 24) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def results(folder: Path) -> list[str]:
    """What `diptych translate` made, without its record."""
    return [name for name in names(folder) if name != ".diptych-translate.json"]


def tiny_words(folder: Path, *more: str) -> list[str]:
    recipe = "data.load_size=18 data.crop_size=16 training.epochs=0 training.steps=6 training.log_every=2"
    every = "training.validate_every=3 training.picture_every=6 training.checkpoint_every=3"
    return [
        *TINY["pix2pix"],
        *recipe.split(),
        *every.split(),
        "training.precision=float32",
        f"data.folder={folder}",
        *more,
    ]


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
