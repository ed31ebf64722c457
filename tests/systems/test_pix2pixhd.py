"""pix2pixHD, coarse to fine."""

from pathlib import Path
from typing import Any

import pytest
import torch
from building import build, domains_of, fitting_batch
from torch import nn
from toys import draw_labelled, run_to_end, tiny_recipe, weights
from variants import ALONE

from diptych.errors import UsageError
from diptych.networks.discriminators import MultiScale
from diptych.recipe import TrainingSettings
from diptych.systems.pix2pixhd import Pix2PixHD
from diptych.training.side import Side
from diptych.training.step import backward

ENHANCED: dict[str, Any] = {"enhancers": 2, "enhancer_blocks": 1, "features": 2, "encoder_width": 2}


def test_an_enhancer_starts_from_a_global_generator(tmp_path: Path) -> None:
    """Weights that match by name and shape are loaded, and the global generator is then frozen."""
    labelled = draw_labelled(tmp_path / "data")
    kind = 'data.source={colour="labels",classes=3,instances=true,palette=[]}'
    half = tiny_recipe("pix2pixhd", labelled, "data.palette=[]", kind, "training.steps=1")
    run, _ = run_to_end(half, tmp_path / "half")
    whole = tiny_recipe(
        "pix2pixhd",
        labelled,
        "data.palette=[]",
        kind,
        "training.steps=2",
        f"training.init_from={run.folder}",
        "options.enhancers=1",
        "options.fix_coarse_steps=2",
    )
    fine, said = run_to_end(whole, tmp_path / "fine")
    assert any("of another shape: generator.head.1" in line for line in said)
    before, after = weights(run), weights(fine)
    coarse = [name for name in before if name.startswith("system.generator.coarse.")]
    assert coarse
    assert all(torch.equal(before[name], after[name]) for name in coarse)


def test_while_the_outermost_enhancer_is_trained_alone_the_encoder_learns_through_all(tmp_path: Path) -> None:
    """The authors' code gives Adam fewer weights and cuts no gradient; trained weights have their usual gradients."""
    system, batch = build("pix2pixhd", **ENHANCED, fix_coarse_steps=1), fitting_batch(domains_of("pix2pixhd"))
    assert isinstance(system, Pix2PixHD)
    side = Side("generator", system.generator, TrainingSettings(steps=1), ALONE)
    gradients = []
    for step in (0, 1):
        losses = next(system.losses(batch, step))
        backward(side, losses.terms, 1.0, losses.frozen)
        gradients.append({name: parameter.grad for name, parameter in side.parameters.items()})
        side.zero_grad()
    alone, whole = gradients
    trained = {name for name, gradient in alone.items() if gradient is not None}
    parts = {name.removeprefix("generator.").rpartition(".")[0].split(".")[0] for name in trained}
    assert parts == {"fronts", "backs", "head", "encoder"}
    inner = ("generator.coarse", "generator.fronts.0", "generator.backs.0")
    assert trained == {name for name in whole if not name.startswith(inner)}
    for name in trained:
        torch.testing.assert_close(alone[name], whole[name], msg=name)


def test_there_must_be_an_enhancer_to_be_trained_alone() -> None:
    with pytest.raises(UsageError, match="set options\\.enhancers to 1 or more"):
        build("pix2pixhd", fix_coarse_steps=1)


@pytest.mark.parametrize(
    ("width", "layers", "channels"),
    [  # nf = min(2 nf, 512) from layer to layer
        (64, 3, [64, 128, 256, 512, 1]),
        (64, 5, [64, 128, 256, 512, 512, 512, 1]),
        (24, 6, [24, 48, 96, 192, 384, 512, 512, 1]),
        (128, 3, [128, 256, 512, 512, 1]),
    ],
)
@pytest.mark.parametrize("spectral", [False, True])
def test_channels_of_the_discriminators(width: int, layers: int, channels: list[int], spectral: bool) -> None:
    with torch.device("meta"):
        network = MultiScale(4, scales=1, layers=layers, width=width, spectral=spectral)
    assert [layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)] == channels
