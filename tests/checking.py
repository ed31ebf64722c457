"""Folders to look over, and what was found in them."""

from pathlib import Path

import numpy as np
from PIL import Image

from diptych.data.checks.check import Report, look_over
from diptych.recipe import read

RNG = np.random.default_rng(0)


Picture = np.ndarray


def blob(height: int = 24, width: int = 24) -> Picture:
    return RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8).repeat(height // 4, 0).repeat(width // 4, 1)


def save(path: Path, picture: Picture) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def beside(left: Picture, right: Picture) -> Picture:
    return np.concatenate([left, right], axis=1)


def label(colours: int = 3) -> Picture:
    """A picture of few flat colours, as labels are."""
    few = np.array([[0, 0, 255], [255, 0, 0], [0, 255, 0]], np.uint8)[:colours]
    return few[RNG.integers(0, colours, (4, 4))].repeat(6, 0).repeat(6, 1)


def photo() -> Picture:
    return RNG.integers(0, 256, (24, 24, 3), dtype=np.uint8)


def check(folder: Path, *words: str) -> Report:
    """What is found in the folder; ``words`` are settings, such as data.task=unpaired."""
    system = "cyclegan" if "data.task=unpaired" in words else "pix2pix"
    return look_over(read(system, [f"data.folder={folder}", *words]).data)


def found(report: Report) -> list[tuple[str, str, bool]]:
    """(category, name of the file that the sentence begins with, whether it is fatal)."""
    return sorted((finding.category, first_file(finding.message), finding.fatal) for finding in report.findings)


def first_file(words: str) -> str:
    path = Path(words.split()[0].rstrip(":"))
    return f"{path.parent.name}/{path.name}"
