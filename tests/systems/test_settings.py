"""Any setting with a valid name is either refused with a sentence or trains a step; none ends in a traceback."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import SMALL

from diptych.errors import UsageError
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe, read
from diptych.systems import SYSTEMS
from diptych.training.processes import Processes
from diptych.training.trainer import Trainer

EXAMPLES = int(os.environ.get("DIPTYCH_EXAMPLES", "12"))
CPU = torch.device("cpu")
YES_OR_NO = (True, False)
NORMS = ("batch", "instance", "none")
UPSAMPLING = ("transposed", "resize", "shuffle")
ADVERSARIES = ("vanilla", "least-squares", "hinge")
OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "pix2pix": {
        "objective": ("l1", "gan", "l1+cgan"),
        "feature_matching": (0.0, 1.0),
        "gradient_difference": (0.0, 200.0),
        "order": ("alternating", "simultaneous"),
        "adversary": (*ADVERSARIES, "wasserstein"),
        "generator": ("unet", "encoder-decoder", "resnet"),
        "depth": (0, 2, 3, 5),
        "blocks": (1, 2),
        "norm": NORMS,
        "statistics": ("picture", "running"),
        "dropout": ([], [1, 2], [0, 99]),
        "upsample": UPSAMPLING,
        "bottleneck_norm": YES_OR_NO,
        "style": (0, 3),
        "mode_seeking": (0.0, 1.0),
        "discriminator_layers": (0, 1, 2, 3, 4, 6),
        "discriminator_norm": NORMS,
    },
    "cyclegan": {
        "identity": (0.0, 0.5),
        "pool": (0, 2),
        "order": ("joint", "four-step"),
        "norm": NORMS,
        "affine": YES_OR_NO,
        "dropout": YES_OR_NO,
        "upsample": UPSAMPLING,
        "discriminator_layers": (0, 1, 2, 3, 5),
    },
    "travelgan": {"adversary": ADVERSARIES, "spectral": YES_OR_NO, "fresh": YES_OR_NO, "latent": (1, 5)},
    "bicyclegan": {
        "style": (1, 4),
        "style_at": ("all", "first"),
        "latent": (0.0, 0.5),
        "adversary": ADVERSARIES,
        "conditional": YES_OR_NO,
        "depth": (0, 2, 3, 5),
        "dropout": ([], [1, 2], [0, 99]),
        "upsample": UPSAMPLING,
        "discriminator_layers": (1, 2, 3, 6),
    },
    "reggan": {
        "registration": YES_OR_NO,
        "adversary": ADVERSARIES,
        "blocks": (1, 2),
        "discriminator_layers": (1, 2, 3),
        "pool": (0, 3),
    },
    "oasis": {
        "noise": (0, 3),
        "noise_by": ("picture", "class", "place"),
        "weighting": ("balanced", "mean", "none"),
        "weights_over": ("batch", "picture"),
        "label_mix": (0.0, 5.0),
        "label_mix_detached": YES_OR_NO,
        "discriminator_levels": (1, 2, 5, 6),
        "norm": ("batch", "instance"),
    },
    "cut": {
        "nce_identity": YES_OR_NO,
        "flip": YES_OR_NO,
        "patches": (2, 256),
        "blocks": (1, 2, 6),
        "adversary": ADVERSARIES,
        "discriminator_layers": (1, 2, 3),
    },
    "srgan": {
        "adversarial": (0.0, 1e-3),
        "total_variation": (0.0, 1.0),
        "slopes": ("one", "each"),
        "bias": ("auto", "all"),
        "discriminator_pooled": YES_OR_NO,
    },
    "inpainting": {
        "l1_on": ("picture", "hole"),
        "judged": ("composite", "painted"),
        "sees_mask": YES_OR_NO,
        "block": ("standard", "dilated", "dilated-first", "dilated-second"),
        "downs": (1, 2, 5, 7),
        "norm": NORMS,
        "upsample": UPSAMPLING,
        "discriminator_norm": NORMS,
        "patch_dense": YES_OR_NO,
    },
    "pix2pixhd": {
        "downs": (1, 2, 4),
        "enhancers": (0, 1, 2),
        "features": (0, 2),
        "norm": ("instance", "batch"),
        "upsample": UPSAMPLING,
        "scales": (1, 2, 4),
        "discriminator_layers": (1, 2, 6),
        "perceptual_network": ("none", "none", "efficientnet-lite0"),
    },
    "spade": {
        "style": (0, 3),
        "width": (1, 2, 3),
        "depth": ("normal", "more", "most"),
        "norm": ("batch", "instance"),
        "kernel": (1, 5),
        "spectral": YES_OR_NO,
        "scales": (1, 3),
        "discriminator_layers": (1, 5),
    },
}
PLAIN = ('{colour="rgb"}', '{colour="grey"}', '{colour="channels", channels=5}')
LABELS = '{colour="labels", classes=4, unknown=255}'
DATA = {
    "srgan": ["data.task=shrunk"],
    "inpainting": ["data.task=holed"],
    "travelgan": ["data.task=unpaired"],
    "cyclegan": ["data.task=unpaired"],
    "cut": ["data.task=unpaired"],
}
SIDES = {
    "": st.sampled_from((8, 16, 24, 32, 64)) | st.integers(1, 72),
    "bicyclegan": st.sampled_from((16, 32, 32, 64)),
    "inpainting": st.sampled_from((64, 64, 72, 128)) | st.integers(60, 72),
    "spade": st.sampled_from((32, 64, 64, 128)) | st.integers(60, 72),
}


@st.composite
def overrides(draw: st.DrawFn, system: str) -> list[str]:
    """Overrides of a recipe with known keys."""
    chosen = {key: draw(st.sampled_from(values)) for key, values in OPTIONS[system].items()}
    sides = SIDES.get(system, SIDES[""])
    height = draw(sides)
    size = [height, draw(st.just(height) | sides)]
    words = [f"options.{key}={json.dumps(value)}" for key, value in {**SMALL.get(system, {}), **chosen}.items()]
    words += [f"data.crop_size={size}", f"data.load_size={size}", *DATA.get(system, [])]
    words += [f"training.batch_size={draw(st.integers(1, 4 if system == 'travelgan' else 2))}"]
    words += ["training.precision=float32", "training.steps=5", "training.epochs=0"]
    if system == "srgan":
        words.append(f"data.factor={draw(st.integers(2, 4))}")
    if system == "oasis" or (system in ("spade", "pix2pixhd") and draw(st.booleans())):
        words += ["data.task=labelled", f"data.source={LABELS}"]
    elif system in ("spade", "pix2pixhd"):
        words += ["data.task=pairs", 'data.source={colour="rgb"}', "data.palette=[]"]
    if system != "inpainting":
        words.append(f"data.target={draw(st.sampled_from(PLAIN))}")
        if system in ("pix2pix", "cyclegan", "cut", "reggan", "bicyclegan"):
            words.append(f"data.source={draw(st.sampled_from(PLAIN))}")
    return words


def drawn(recipe: Recipe) -> Batch:
    """Pictures of the recipe's shapes."""
    domains, count = recipe.domains, recipe.training.batch_size
    height, width = domains.size
    target = torch.rand(count, domains.channels_out, height, width) * 2 - 1
    shape = (count, domains.channels_in, height // domains.factor, width // domains.factor)
    if domains.source.colour == "labels":
        return Batch(torch.randint(0, domains.source.classes + 1, shape, dtype=torch.int32), target)
    source = torch.rand(shape) * 2 - 1
    if domains.source.colour == "holed":
        source[:, 3] = source[:, 3].sign()
    return Batch(source, target)


def step_or_sentence(system: str, words: list[str]) -> str:
    """The message of the refusal; empty after a step."""
    try:
        recipe = read(system, words)
    except UsageError as refusal:
        return str(refusal)
    trainer = Trainer(recipe, Processes(0, 1, CPU), pictures=10)
    entry = trainer.advance(iter(lambda: drawn(recipe), None), 0, 0)
    assert len(dict(entry)) > 3
    return ""


@pytest.mark.parametrize("system", SYSTEMS)
def test_either_a_sentence_or_a_step(system: str) -> None:
    outcomes: list[str] = []

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(overrides(system))
    def tried(words: list[str]) -> None:
        outcomes.append(step_or_sentence(system, words))
        assert "\n" not in outcomes[-1]

    tried()
    if EXAMPLES > 10:
        assert "" in outcomes, "nothing but refusals proves nothing"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "cyclegan data.crop_size=70",
            "CycleGAN with these options needs sides divisible by 4, and data.crop_size is 70x70",
        ),
        ("cyclegan data.crop_size=66", "set data.crop_size=64, or"),
        ("cyclegan data.crop_size=[64,70]", "set data.crop_size=[64, 72], or"),
        ("pix2pix options.generator=resnet data.crop_size=70", "pix2pix with these options needs sides divisible by 4"),
        (
            "pix2pix data.crop_size=16",
            "needs sides of 32 pixels or more, and data.crop_size is 16x16; set data.crop_size=32, or",
        ),
        ("pix2pix data.crop_size=16 options.depth=3", "needs sides of 24 pixels or more"),
        ("travelgan data.crop_size=70", "TraVelGAN with these options needs sides divisible by 16"),
        ("travelgan training.batch_size=1", "set training.batch_size to 2 or more, not 1"),
        ("travelgan training.batch_size=3 options.fresh=true", "set training.batch_size to 4 or more, not 3"),
        ("inpainting data.crop_size=66", "inpainting with these options needs sides divisible by 4"),
        ("srgan data.crop_size=12", "SRGAN with these options needs sides of 16 pixels or more"),
        ("spade options.width=1 options.depth=most", "options.width must be at least 2 with options.depth=most"),
        (
            'pix2pixhd data.target={colour="channels",channels=5}',
            "the targets here have 5 channels; set options.perceptual=0",
        ),
    ],
)
def test_what_no_network_can_take(words: str, sentence: str) -> None:
    system, *more = words.split()
    with pytest.raises(UsageError) as refusal:
        read(system, more)
    assert sentence in str(refusal.value)


def test_to_read_a_recipe_imports_no_compiler() -> None:
    """Which would take longer than all else of a start."""
    code = "import sys; from diptych.recipe import read; [read(name) for name in sys.argv[1:]]; print('sympy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code, *SYSTEMS], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_to_read_a_recipe_draws_nothing() -> None:
    before = torch.random.get_rng_state()
    read("spade")
    assert torch.equal(before, torch.random.get_rng_state())
