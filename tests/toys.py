"""Tiny recipes and what is needed to run them inside a test."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from diptych.checkpoints import load
from diptych.recipe import Recipe, read
from diptych.systems import SYSTEMS
from diptych.training.loop import train
from diptych.training.monitoring.watch import Watch
from diptych.training.processes import Processes, join
from diptych.training.run import Run

Made = Callable[[str], Path]
"""Gives the run folder of a system."""

SMALL: dict[str, dict[str, Any]] = {
    "pix2pix": {"width": 4, "discriminator_width": 4, "discriminator_layers": 1},
    "travelgan": {"width": 4, "latent": 8},
    "cyclegan": {"width": 4, "discriminator_width": 4, "discriminator_layers": 1, "blocks": 1, "pool": 3},
    "srgan": {"content": "mse", "blocks": 1, "width": 4, "discriminator_width": 4},
    "inpainting": {"blocks": 1, "width": 4, "discriminator_width": 4},
    "oasis": {"width": 2, "hidden": 4, "noise": 3, "discriminator_width": 4, "discriminator_levels": 2},
    "bicyclegan": {
        "width": 4,
        "style": 3,
        "encoder_width": 2,
        "discriminator_width": 4,
        "discriminator_layers": 1,
    },
    "reggan": {
        "blocks": 1,
        "width": 4,
        "registration_width": 2,
        "discriminator_width": 4,
        "discriminator_layers": 1,
    },
    "cut": {
        "blocks": 2,
        "width": 4,
        "patches": 16,
        "head_width": 32,
        "discriminator_width": 4,
        "discriminator_layers": 1,
    },
    "pix2pixhd": {
        "width": 4,
        "downs": 2,
        "blocks": 1,
        "discriminator_width": 4,
        "discriminator_layers": 2,
        "perceptual_network": "none",
    },
    "spade": {
        "width": 2,
        "hidden": 4,
        "encoder_width": 2,
        "discriminator_width": 4,
        "discriminator_layers": 2,
        "perceptual_network": "none",
    },
}
"""Options by which each system takes milliseconds; one that is not here is taken as it is."""

LABELLED = [
    "data.task=labelled",
    "data.palette=[[0,0,0],[255,255,255],[255,0,0]]",
    "data.load_size=66",
    "data.crop_size=64",
]
DATA = {
    "travelgan": ["data.task=unpaired", "training.batch_size=2"],
    "cut": ["data.task=unpaired"],
    "srgan": ["data.task=shrunk", "data.factor=2", "training.batch_size=2"],
    "inpainting": ["data.task=holed", "data.hole=strokes", "data.load_size=66", "data.crop_size=64"],
    "pix2pixhd": LABELLED,
    "spade": [*LABELLED, "training.batch_size=2"],
    "oasis": [*LABELLED, "training.batch_size=2"],
}
"""What the data of each system is, where it is not pairs."""

TINY = {name: [f"options.{key}={json.dumps(value)}" for key, value in SMALL.get(name, {}).items()] for name in SYSTEMS}


def tiny_recipe(system: str, folder: Path, *overrides: str) -> Recipe:
    """A recipe that takes a few milliseconds a step, on the pictures in ``folder``."""
    common = [
        f"data.folder={folder}",
        "data.load_size=18",
        "data.crop_size=16",
        "training.epochs=0",
        "training.steps=6",
        "training.log_every=2",
        "training.validate_every=3",
        "training.picture_every=6",
        "training.checkpoint_every=3",
        "training.precision=float32",
        "training.report=false",
        "training.statistics_pictures=8",
    ]
    return read(system, [*TINY[system], *common, *DATA.get(system, []), *overrides])


def draw_pairs(folder: Path) -> Path:
    """Twelve side-by-side pictures of 40 x 20 in train and four in val: blobs, and the blobs inverted."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4)):
        (folder / split).mkdir(parents=True)
        for number in range(count):
            blocks = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            left = blocks.repeat(5, axis=0).repeat(5, axis=1)
            Image.fromarray(np.concatenate([left, 255 - left], axis=1)).save(folder / split / f"{number}.png")
    return folder


class Teller(Watch):
    """A watch that keeps its messages."""

    def __init__(self, run: Run, processes: Processes) -> None:
        self.said: list[str] = []
        super().__init__(run, processes, self.said.append)


def run_to_end(recipe: Recipe, folder: Path) -> tuple[Run, list[str]]:
    """Train in this process; returns the run and what was said."""
    processes = join(recipe.training.device)
    with Run(folder, recipe) as run:
        watch = Teller(run, processes)
        train(recipe, run, processes, watch)
    return run, watch.said


def weights(run: Run, step: int | None = None) -> dict[str, Tensor]:
    """All tensors of a run's newest checkpoint, or that of ``step``."""
    tensors = load(run.path_of(run.saved_steps()[-1] if step is None else step)).tensors
    return {name: tensor.clone() for name, tensor in tensors.items()}  # the file itself may be damaged by the test


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    """Bitwise, names included."""
    assert one.keys() == other.keys()
    assert not [name for name in one if not torch.equal(one[name], other[name])]


def draw_labelled(folder: Path, side: int = 64) -> Path:
    """Six train and two val examples: class maps of four stripes, an instance map each, and noisy photos of them."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 2)):
        for name in ("label", "inst", "img"):
            (folder / f"{split}_{name}").mkdir(parents=True)
        for number in range(count):
            stripes = rng.permutation(4)[np.arange(side) * 4 // side]
            label = np.repeat((stripes % 3).astype(np.uint8)[:, None], side, axis=1)
            photo = (label[..., None] * 80 + rng.integers(0, 40, (side, side, 3))).astype(np.uint8)
            Image.fromarray(label).save(folder / f"{split}_label" / f"{number}.png")
            instances = np.repeat(stripes.astype(np.uint16)[:, None] * 1000, side, axis=1)
            Image.fromarray(instances).save(folder / f"{split}_inst" / f"{number}.png")
            Image.fromarray(photo).save(folder / f"{split}_img" / f"{number}.png")
    return folder
