"""Statistics of batch norm that belong to the weights that leave."""

import copy
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn
from toys import assert_equal, draw_labelled, run_to_end, tiny_recipe, weights

from diptych import checkpoints
from diptych.data import Dataset, FolderSplits, open_dataset
from diptych.errors import UsageError
from diptych.networks.noise import seeded
from diptych.networks.travelgan import OffsetNorm
from diptych.training.monitoring import watch
from diptych.training.processes import Processes
from diptych.training.run import Run
from diptych.training.statistics import StatisticsGatherer, first_batches, precise_statistics, running_layers
from diptych.training.trainer import Trainer
from diptych.training.validation import Validation
from diptych.translator.translator import Translator
from diptych.translator.weights import network_weights

ALONE = Processes(0, 1, torch.device("cpu"))
RUNNING = ("options.statistics=running", "training.batch_size=2")
SYSTEMS = {
    "pix2pix": (*RUNNING, "options.dropout=[0]"),
    "srgan": ("options.pretrain_steps=1",),
    "inpainting": (),
    "travelgan": ("data.load_size=36", "data.crop_size=32"),
    "spade": ("options.style=8",),
}
"""Systems whose generators normalise with running statistics, with some noise where they can have it."""


@pytest.fixture
def folder(toy_pairs: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return draw_labelled(tmp_path / "labelled") if "spade" in request.node.name else toy_pairs


def trained(system: str, folder: Path, *words: str) -> tuple[Trainer, Dataset]:
    """A trainer after two steps, and what it reads."""
    recipe = tiny_recipe(system, folder, *SYSTEMS[system], *words)
    dataset = open_dataset(recipe.data, "train", train=True)
    trainer = Trainer(recipe, ALONE, len(dataset))
    batches = iter(list(first_batches(trainer, dataset)))
    for step in range(2):
        trainer.advance(batches, step, 0)
    return trainer, dataset


def plainly(network: nn.Module, sources: list[Tensor]) -> dict[str, Tensor]:
    """The same by torch's own layers in their training mode: all that comes to each is put together and measured at once."""
    network = copy.deepcopy(network).eval()
    came: dict[str, list[Tensor]] = {name: [] for name in running_layers(network)}
    for name, layer in running_layers(network).items():
        layer.train()
        layer.register_forward_pre_hook(lambda _, arguments, name=name: came[name].append(arguments[0].double()))
    with torch.no_grad():
        for number, source in enumerate(sources):
            with seeded(number):
                network(source)
    found: dict[str, Tensor] = {}
    for name, maps in came.items():
        variance, mean = torch.var_mean(torch.cat(maps), (0, 2, 3))
        found |= {f"{name}.running_mean": mean.float(), f"{name}.running_var": variance.float()}
    return found


@pytest.mark.parametrize("averaged", [True, False])
@pytest.mark.parametrize("system", SYSTEMS)
def test_they_equal_a_plainly_written_second_version(system: str, averaged: bool, folder: Path) -> None:
    words = ("training.average=0.5", f"training.average_translates={averaged}".lower())
    trainer, dataset = trained(system, folder, *words)
    found = precise_statistics(trainer, dataset)
    compared = 0
    for exit in trainer.state.system.translators().values():
        network = copy.deepcopy(trainer.state.system.get_submodule(exit.module))
        if averaged:
            network.load_state_dict(
                checkpoints.with_prefix(exit.module, trainer.state.translating_weights()), strict=False
            )
        sources = [batch.target if exit.reverse else batch.source for batch in first_batches(trainer, dataset)]
        expected = plainly(network, sources)
        for name, value in expected.items():
            torch.testing.assert_close(found[f"{exit.module}.{name}"], value, rtol=1e-4, atol=1e-6)
            compared += 1
        moved = [name for name, value in expected.items() if not torch.allclose(network.get_buffer(name), value)]
        assert moved  # running averages are others
    assert compared == len(found) > 0


@pytest.mark.parametrize("system", SYSTEMS)
def test_training_sees_nothing_of_it(system: str, folder: Path) -> None:
    trainer, dataset = trained(system, folder)
    before = {name: tensor.clone() for name, tensor in trainer.state.tensors().items()}
    drawn, modes = torch.get_rng_state(), [module.training for module in trainer.state.system.modules()]
    first, second = precise_statistics(trainer, dataset), precise_statistics(trainer, dataset)
    assert_equal(first, second)
    assert_equal(before, trainer.state.tensors())
    assert torch.equal(drawn, torch.get_rng_state())
    assert modes == [module.training for module in trainer.state.system.modules()]


def test_a_layer_that_no_picture_reaches_keeps_its_own() -> None:
    network = nn.Sequential(OffsetNorm(3))
    network.add_module("idle", nn.Sequential())
    network[0].register_module("idle", nn.BatchNorm2d(2))
    gathering = StatisticsGatherer(network.eval(), {})
    gathering.add(torch.ones(1, 3, 1, 1), 0)
    found = gathering.statistics()
    assert set(found) == {"0.running_mean", "0.running_var"}
    torch.testing.assert_close(found["0.running_mean"], torch.ones(3))
    torch.testing.assert_close(found["0.running_var"], torch.zeros(3))  # of a single value: nothing to divide by


@pytest.mark.parametrize("words", [(), ("training.average=0.9",), ("training.average=0.9", "training.batch_size=3")])
def test_what_is_validated_is_what_leaves(words: tuple[str, ...], toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs, *RUNNING, "options.dropout=[]", *words)
    run, _ = run_to_end(recipe, tmp_path / "run")
    scores = {entry["step"]: entry["l1"] for entry in run.entries("scores.jsonl")}
    best = min(scores, key=lambda step: scores[step])
    seen = list(Validation(recipe, ALONE.device, FolderSplits(recipe.data).validation()).pictures(4))
    for name, step in [("3", 3), ("6", 6), ("best", best)]:
        translator = Translator.load(run.folder, checkpoint=name)
        l1 = [(translator.batch(one.source) - one.target).abs().mean().item() for one in seen]
        assert sum(l1) / 4 == pytest.approx(scores[step], rel=1e-6)
        tensors = checkpoints.load(run.path_of(step if name != "best" else "best")).tensors
        own, statistics = (
            network_weights(tensors, translator.card),
            checkpoints.with_prefix("statistics.generator", tensors),
        )
        assert statistics
        for buffer, value in statistics.items():
            assert torch.equal(own[buffer], value)
            assert not torch.equal(tensors[f"system.generator.{buffer}"], value)


def test_none_are_computed_where_none_are_wanted(toy_pairs: Path, tmp_path: Path) -> None:
    words = (*RUNNING, "options.dropout=[]")
    with_, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs, *words), tmp_path / "with")
    without, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs, *words, "training.statistics_pictures=0"), tmp_path / "w")
    picture, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "picture")
    for run in (without, picture):
        assert not checkpoints.with_prefix("statistics", weights(run))
    left = weights(with_)
    assert_equal(weights(without), {name: value for name, value in left.items() if not name.startswith("statistics.")})
    network = Translator.load(without.folder).eager
    assert network is not None
    for name, buffer in network.network.named_buffers():
        assert torch.equal(buffer, weights(without)[f"system.generator.{name}"])
    with pytest.raises(UsageError, match=r"statistics_pictures, .* not negative"):
        tiny_recipe("pix2pix", toy_pairs, "training.statistics_pictures=-1")


def test_resuming_repeats_them_bitwise(toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs, *RUNNING, "training.average=0.9")
    run, _ = run_to_end(recipe, tmp_path / "run")
    straight, best = weights(run), checkpoints.load(run.path_of("best")).tensors
    run.path_of(6).unlink()
    run_to_end(recipe, run.folder)
    again = Run(run.folder, recipe)
    assert_equal(straight, weights(again))
    assert_equal(best, checkpoints.load(again.path_of("best")).tensors)
    assert checkpoints.with_prefix("statistics", straight)


def test_once_for_all_that_is_done_at_a_step(toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Mock(wraps=precise_statistics)
    monkeypatch.setattr(watch, "precise_statistics", counted)
    words = ("training.picture_every=3", "training.validate_every=3", "training.checkpoint_every=3")
    run_to_end(tiny_recipe("pix2pix", toy_pairs, *RUNNING, *words), tmp_path / "run")
    assert counted.call_count == 2  # at steps 3 and 6
