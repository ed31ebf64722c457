"""Pairs that do not quite fit, made of pairs that do: targets of the training set are moved by smooth random fields.

Validation pairs stay as they are, so a score there says what misaligned training cost. Usage:

    python benchmarks/misaligned.py FACADES OUT --shift 4 --half left
    diptych train reggan data.folder=OUT ...
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from diptych.networks.registration.warp import warp
from diptych.pictures import formats
from diptych.pictures.kinds import Kind, Stored

KNOTS = 4
"""Random displacements a side, between which the field is bicubic."""


def field_of(rng: np.random.Generator, size: tuple[int, int], longest: float) -> torch.Tensor:
    """(1, 2, height, width) in pixels, whose longest displacement is drawn up to ``longest``."""
    knots = torch.from_numpy(rng.normal(size=(1, 2, KNOTS, KNOTS)))
    field = functional.interpolate(knots, size, mode="bicubic", align_corners=True)
    return field * (rng.uniform(0, longest) / field.square().sum(1).sqrt().max())


def moved(picture: Stored, field: torch.Tensor) -> Stored:
    planes = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
    found: npt.NDArray[np.float32] = warp(planes, field)[0].permute(1, 2, 0).numpy()
    return np.rint(found).astype(picture.dtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder with train and val of side-by-side pairs")
    parser.add_argument("out", type=Path)
    parser.add_argument("--shift", type=float, default=8.0, help="the longest displacement, in pixels of the files")
    parser.add_argument("--half", choices=["left", "right"], default="left", help="where targets stand")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    for split in ("train", "val"):
        (arguments.out / split).mkdir(parents=True, exist_ok=True)
        for place in sorted((arguments.data / split).iterdir()):
            pair = formats.read(place, Kind())
            left, right = np.split(pair, [pair.shape[1] // 2], axis=1)
            if split == "train":
                field = field_of(rng, left.shape[:2], arguments.shift)
                left, right = (moved(left, field), right) if arguments.half == "left" else (left, moved(right, field))
            formats.write(arguments.out / split / f"{place.stem}.png", np.concatenate([left, right], axis=1))


if __name__ == "__main__":
    main()
