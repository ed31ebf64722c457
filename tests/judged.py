"""Folders and class maps to be judged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIMPLE = "l1,psnr,ssim,lab,diversity"


def folder_of(place: Path, names: list[str], seed: int, size: tuple[int, int] = (40, 48)) -> Path:
    """RGB pictures of (height, width)."""
    rng = np.random.default_rng(seed)
    place.mkdir(parents=True)
    for name in names:
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(place / name)
    return place


def labelled(folder: Path) -> Path:
    """Label pictures of two colours beside photos that repeat them in grey, 32 x 32; 12 to train, 6 to validate."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 6)):
        (folder / split).mkdir(parents=True)
        for number in range(count):
            classes = np.zeros((32, 32), np.uint8)
            top, left = rng.integers(0, 16, 2)
            classes[top : top + 16, left : left + 16] = 1
            colours = np.array([(0, 0, 200), (200, 0, 0)], np.uint8)[classes]
            photo = np.clip(rng.normal(60 + 130 * classes[..., None], 5, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(np.concatenate([colours, photo], axis=1)).save(folder / split / f"{number}.png")
            index = folder / f"{split}_label"
            index.mkdir(exist_ok=True)
            Image.fromarray(classes).save(index / f"{number}.png")
    return folder


PALETTE = "data.palette=[[0,0,200],[200,0,0]]"


def strict(text: str) -> Any:
    """Parsed as other languages do: NaN and Infinity are refused."""

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refused)
