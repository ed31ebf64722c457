"""Activation checkpointing changes nothing but memory."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from toys import assert_equal, tiny_recipe
from variants import ALONE, VARIANTS, after_steps

from diptych.systems import SYSTEMS
from diptych.training.accelerate.recompute import recompute_blocks, segments
from diptych.training.setup.estimate import noise
from diptych.training.state import build
from diptych.training.trainer import Trainer


@pytest.mark.parametrize(("system", "words"), VARIANTS, ids=str)
def test_the_same_to_the_last_bit(system: str, words: list[str]) -> None:
    plain, logged = after_steps(system, words)
    found, others = after_steps(system, [*words, "training.checkpointing=blocks"])
    assert logged == others
    assert_equal(plain, found)


@pytest.mark.parametrize("system", SYSTEMS)
def test_it_keeps_less_for_backward(system: str) -> None:
    """Elements that autograd holds after each update's forward passes, weights aside."""
    kept = {}
    for way in ("none", "blocks"):
        recipe = tiny_recipe(system, Path("unused"), "training.batch_size=4", f"training.checkpointing={way}")
        trainer = Trainer(recipe, ALONE, pictures=12)
        weights = {parameter.data_ptr() for parameter in trainer.state.system.parameters()}
        held: dict[int, int] = {}

        def keep(tensor: Tensor, weights: set[int] = weights, held: dict[int, int] = held) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                held[storage.data_ptr()] = storage.nbytes()
            return tensor

        torch.manual_seed(0)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            alive = list(trainer.state.system.losses(noise(recipe), 0))
        kept[way] = sum(held.values())
        assert alive
    # Under checkpointing, what a block saves goes to hooks of its own and is dropped; its inputs are held by closures.
    assert kept["blocks"] < 0.7 * kept["none"]


def test_a_copy_runs_its_own_blocks() -> None:
    recipe = tiny_recipe("pix2pix", Path("unused"))
    system = build(recipe).train()
    recompute_blocks(system)
    other = copy.deepcopy(system)
    with torch.no_grad():
        for parameter in system.parameters():
            parameter.zero_()
    picture = noise(recipe).source
    assert system.get_submodule("generator")(picture).abs().sum() == 0
    assert other.get_submodule("generator")(picture).abs().sum() > 0


def test_segments_have_a_filter_each() -> None:
    residual = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
    layers = [nn.ReflectionPad2d(1), nn.Conv2d(3, 4, 3), nn.ReLU(), residual, nn.ReLU(), nn.Conv2d(4, 3, 1)]
    assert segments(layers) == [layers[:3], layers[3:5], layers[5:]]
    assert segments(nn.Sequential()) == [[]]
