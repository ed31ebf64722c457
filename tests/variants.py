"""Recipes that between them reach what a step of training can be, for tests that two ways of taking it agree."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from toys import tiny_recipe

from diptych.systems import SYSTEMS
from diptych.training.processes import Processes
from diptych.training.setup.estimate import noise
from diptych.training.trainer import Trainer

ALONE = Processes(0, 1, torch.device("cpu"))
FASTCUT = ["options.nce=10", "options.nce_identity=false", "options.flip=true"]
VARIANTS: list[tuple[str, list[str]]] = [
    *[(name, []) for name in SYSTEMS],
    ("pix2pix", ["training.precision=bfloat16"]),
    ("pix2pix", ["options.adversary=wasserstein"]),
    ("pix2pix", ["options.order=simultaneous", "options.feature_matching=10"]),
    ("pix2pix", ["options.gradient_difference=200"]),
    (
        "pix2pix",
        [
            "options.projected=beside",
            "options.projected_heads=separable",
            "options.perceptual=5",
            "training.batch_size=2",
        ],
    ),
    ("cyclegan", ["options.projected=alone", "options.projected_heads=plain"]),
    ("srgan", ["options.pretrain_steps=2", "training.discriminator_updates=2"]),
    ("pix2pix", ["training.accumulate=2", "training.discriminator_updates=2", "training.average=0.9"]),
    ("pix2pix", ["options.generator=resnet", "options.blocks=2", "options.upsample=resize"]),
    *[
        ("pix2pix", ["options.separable=true", f"options.upsample={how}"])
        for how in ("transposed", "resize", "shuffle")
    ],
    ("cyclegan", ["options.separable=true"]),
    ("cyclegan", ["options.order=four-step", "options.identity=0.5", "options.norm=batch"]),
    ("travelgan", ["options.spectral=true"]),
    (
        "pix2pixhd",
        ["options.features=2", "options.encoder_width=2", "options.enhancers=1", "options.fix_coarse_steps=2"],
    ),
    ("spade", ["options.style=4", "training.precision=bfloat16"]),
    ("reggan", ["options.registration=false", "options.pool=2", "training.batch_size=2"]),
    ("reggan", ["training.precision=bfloat16"]),
    ("oasis", ["options.noise_by=place", "training.precision=bfloat16", "training.average=0.9"]),
    (
        "oasis",
        [
            "options.label_mix_detached=true",
            "options.weighting=mean",
            "options.weights_over=picture",
            "training.accumulate=2",
        ],
    ),
    ("bicyclegan", ["options.conditional=true", "options.style_at=first", "training.batch_size=4"]),
    ("bicyclegan", ["training.precision=bfloat16"]),
    ("pix2pix", ["options.style=3", "options.mode_seeking=1"]),
    ("cut", [*FASTCUT, "training.batch_size=2"]),
    ("cut", ["options.nce=3", "options.flip=true", "training.precision=bfloat16"]),
]


def minimised(entry: Mapping[str, float]) -> dict[str, float]:
    """Of what a step logs the terms that are minimised: no figures, no gradients."""
    last = {name: name.rpartition(".")[2] for name in entry if "." in name}
    return {
        name: entry[name]
        for name, end in last.items()
        if "accuracy" not in end and end not in ("gradient", "field", "l1_unmoved", "l1_moved")
    }


def after_steps(system: str, words: list[str], count: int = 3) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """Weights, buffers, moments and averages after a few steps, and what was logged of each."""
    recipe = tiny_recipe(system, Path("unused"), *words)
    trainer = Trainer(recipe, ALONE, pictures=12)
    torch.manual_seed(0)
    batches = iter([noise(recipe) for _ in range(count * trainer.batches_per_step)])
    entries = [trainer.advance(batches, step, faults=0) for step in range(count)]
    figures = [{name: float(value) for name, value in entry.items() if name != "waited"} for entry in entries]
    return trainer.state.tensors(), figures
