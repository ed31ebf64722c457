"""A teacher's terms, beside the formula written plainly; what a student's run keeps, and what it refuses."""

import json
import shutil
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from toys import assert_equal, draw_pairs, run_to_end, tiny_recipe, weights
from variants import ALONE

from diptych.checkpoints import load, save
from diptych.errors import DiptychError, UsageError
from diptych.networks import NetworkSpec
from diptych.networks.features.pretrained import trained_through
from diptych.networks.noise import seeded
from diptych.pictures.kinds import Batch, Kind
from diptych.pictures.values.batches import without_nan
from diptych.shipped import shipped
from diptych.systems import Losses
from diptych.systems.system import Translated
from diptych.training.distillation import facts_of, place_of, shapes_at
from diptych.training.setup.estimate import noise
from diptych.training.trainer import Entry, Trainer
from diptych.translator.card import Card
from diptych.translator.engines import Eager
from diptych.translator.translator import Translator

PLAIN = ("options.dropout=[]", "training.average=0.9")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Teachers of three steps, by their systems, and the pictures."""
    folder = tmp_path_factory.mktemp("taught")
    pairs = draw_pairs(folder / "pairs")
    for system, more in (("pix2pix", PLAIN), ("cyclegan", ())):
        words = ("training.steps=3", "training.validate_every=3", "options.width=8", *more)
        run_to_end(tiny_recipe(system, pairs, *words), folder / system)
    return {"pairs": pairs, "pix2pix": folder / "pix2pix", "cyclegan": folder / "cyclegan"}


def student(taught: dict[str, Path], system: str, *words: str) -> Trainer:
    recipe = tiny_recipe(system, taught["pairs"], f"training.teacher={taught[system]}", *words)
    return Trainer(recipe, ALONE, pictures=12)


def advanced(trainer: Trainer, batch: Batch | None = None) -> Entry:
    torch.manual_seed(0)
    return trainer.advance(repeat(batch or noise(trainer.recipe)), 0, faults=0)


def teacher(taught: dict[str, Path], system: str, way: str = "") -> Any:
    engine = Translator.load(taught[system], way).engine
    assert isinstance(engine, Eager)
    return engine.network


def maps_of_unet(network: Any, source: Tensor) -> tuple[list[Tensor], Tensor]:
    """A U-Net of four levels, written out: the norms of its third level and of its first three decoder levels."""
    first = network.down[0](source)
    second = network.down[1](first)
    third = network.down[2](second)
    maps, found = network.down[3](third), [third]
    for number, skip in ((0, third), (1, second), (2, first)):
        maps = network.up[number](maps)
        found.append(maps)
        maps = torch.cat([skip, maps], dim=1)
    return found, network.up[3](maps)


def maps_of_resnet(network: Any, source: Tensor) -> tuple[list[Tensor], Tensor]:
    """Of one block: after the second halving, and after the block."""
    halved = network.layers[:10](source)
    last = network.layers[10](halved)
    return [halved, last], network.layers[11:](last)


@pytest.mark.parametrize(
    ("system", "way", "maps_of"), [("pix2pix", "", maps_of_unet), ("cyclegan", "b_to_a", maps_of_resnet)]
)
def test_terms_are_the_formula(taught: dict[str, Path], system: str, way: str, maps_of: Any) -> None:
    more = PLAIN if system == "pix2pix" else ()
    trainer = student(taught, system, "training.distill_features=3", "training.distill_outputs=2", *more)
    own = trainer.state.system.get_submodule(f"generator.{way}" if way else "generator")
    adapters: Any = trainer.state.system.get_submodule(f"taps.{way or 'a_to_b'}")
    batch = noise(trainer.recipe)
    source = batch.target if way else batch.source
    with torch.no_grad(), seeded(0):
        maps, fake = maps_of(own, source)
        shown, output = maps_of(teacher(taught, system, way.replace("_", "-")).eval(), source)
        apart = sum(
            ((adapter(one) - other) ** 2).mean() for adapter, one, other in zip(adapters, maps, shown, strict=True)
        )
    entry, end = advanced(trainer, batch), f"_{way}" if way else ""
    assert entry[f"generator.distill_features{end}"] == pytest.approx(3 * float(apart), rel=1e-4)
    assert entry[f"generator.distill_outputs{end}"] == pytest.approx(2 * float((fake - output).abs().mean()), rel=1e-4)


def test_outputs_are_compared_where_there_is_data(taught: dict[str, Path]) -> None:
    trainer = student(taught, "pix2pix", "training.distill_features=0", "training.distill_outputs=2", *PLAIN)
    source, target = noise(trainer.recipe)
    gaps = target.clone()
    gaps[..., :12] = torch.nan
    batch = without_nan(source, gaps)
    with seeded(0):
        output = teacher(taught, "pix2pix").eval()(source).detach()
        fake = batch.fill(trainer.state.system.get_submodule("generator")(source))
    assert trainer.state.distillation is not None
    losses = Losses("generator", {}, pictures={"a-to-b": Translated(source, batch.target, fake)})
    (term,) = trainer.state.distillation.terms(losses, batch).values()
    assert term.item() == pytest.approx(2 * (fake - output)[..., 12:].abs().mean().item(), rel=1e-4)


def test_the_card_names_all_networks_that_student_and_teacher_looked_through(
    taught: dict[str, Path], tmp_path: Path
) -> None:
    other = shutil.copytree(taught["pix2pix"], tmp_path / "other")
    card = json.loads((other / "card.json").read_text())
    card["translators"][0]["provenance"]["perceptual loss"] = "vgg19"
    (other / "card.json").write_text(json.dumps(card))
    trainer = student(taught, "pix2pix", f"training.teacher={other}")
    trainer.state.system.facts = {"perceptual loss": "efficientnet-lite0"}
    facts = facts_of(trainer.recipe, trainer.state.system)
    assert trained_through(facts) == ("efficientnet-lite0", "vgg19")
    assert place_of("openmoji") == shipped()["openmoji"]


def test_a_copy_of_the_teacher_has_nothing_to_learn_from_it(taught: dict[str, Path]) -> None:
    """With A the identity."""
    trainer = student(taught, "cyclegan", "options.width=8", "training.distill_outputs=1")
    for way in ("a_to_b", "b_to_a"):
        own = trainer.state.system.get_submodule(f"generator.{way}")
        own.load_state_dict(teacher(taught, "cyclegan", way.replace("_", "-")).state_dict())
        for layer in trainer.state.system.get_submodule(f"taps.{way}").children():
            assert isinstance(layer, nn.Conv2d)
            nn.init.dirac_(layer.weight)
    found = {name: value for name, value in advanced(trainer).items() if ".distill" in name}
    assert len(found) == 4
    assert max(found.values()) < 1e-6


def test_taps_are_those_of_gan_compression() -> None:
    """256 channels of 64x64 at four taps of the ResNet, and 132,096 weights in A from a width of 32 to 64."""
    card = Card("a-to-b", "generator", "resnet", {}, Kind(), Kind(), 4, (256, 256))
    wide, narrow = shapes_at(card.spec, card), shapes_at(NetworkSpec("resnet", {"width": 32, "separable": True}), card)
    assert wide == [torch.Size((1, 256, 64, 64))] * 4
    assert sum(one[1] * other[1] + other[1] for one, other in zip(narrow, wide, strict=True)) == 132_096


def test_student_and_taps_learn_and_the_teacher_stays(taught: dict[str, Path]) -> None:
    trainer = student(taught, "pix2pix", "training.accumulate=2", "training.discriminator_updates=2", *PLAIN)
    state = trainer.state
    assert state.distillation is not None
    before = {name: tensor.clone() for name, tensor in state.system.state_dict().items()}
    frozen = {name: tensor.clone() for name, tensor in state.distillation.pupils["a-to-b"].teacher.state_dict().items()}
    advanced(trainer)
    after = state.system.state_dict()
    adapters = [name for name in before if name.startswith("taps.a_to_b")]
    assert len(adapters) == 8
    assert not [name for name in adapters if torch.equal(before[name], after[name])]
    assert torch.equal(before["taps.teacher"], after["taps.teacher"])
    assert_equal(frozen, dict(state.distillation.pupils["a-to-b"].teacher.state_dict()))
    assert not any(pupil.student.passes or pupil.shown.passes for pupil in state.distillation.pupils.values())


@pytest.mark.parametrize("system", ["pix2pix", "cyclegan"])
def test_stopped_and_resumed_equals_never_stopped(taught: dict[str, Path], system: str, tmp_path: Path) -> None:
    """Also where the teacher has moved in between."""
    more = (f"training.teacher={taught[system]}", "training.distill_outputs=1", "options.separable=true")
    recipe = tiny_recipe(system, taught["pairs"], *more)
    straight, _ = run_to_end(recipe, tmp_path / "straight")
    broken, _ = run_to_end(recipe, tmp_path / "broken")
    broken.path_of(6).unlink()
    moved = shutil.copytree(taught[system], tmp_path / "moved")
    moved_recipe = tiny_recipe(system, taught["pairs"], *more, f"training.teacher={moved}")
    resumed, said = run_to_end(moved_recipe, tmp_path / "broken")
    assert any("Resumed at step 3" in line for line in said)
    assert_equal(weights(straight), weights(resumed))


def test_what_leaves_is_the_generator_alone(taught: dict[str, Path], tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", taught["pairs"], f"training.teacher={taught['pix2pix']}", "training.steps=1")
    run_to_end(recipe, tmp_path / "run")
    translator = Translator.load(tmp_path / "run")
    assert translator.card.provenance["teacher"] == "pix2pix"
    assert translator.card.provenance["multiply-adds"].startswith("1/3.")
    assert isinstance(translator.engine, Eager)
    assert not [name for name in translator.engine.network.state_dict() if "taps" in name]


def test_refusals(taught: dict[str, Path], tmp_path: Path) -> None:
    def refuse(problem: type[DiptychError], words: str, system: str, *settings: str, folder: str = "refused") -> None:
        with pytest.raises(problem, match=words):
            run_to_end(tiny_recipe(system, taught["pairs"], "training.steps=3", *settings), tmp_path / folder)

    own = f"training.teacher={taught['pix2pix']}"
    refuse(DiptychError, "no such run or model folder", "pix2pix", "training.teacher=gone")
    refuse(UsageError, "has no taps", "srgan", own)
    refuse(UsageError, "does not translate b-to-a", "cyclegan", own)
    refuse(UsageError, "have other sizes", "pix2pix", own, "options.depth=3")
    refuse(UsageError, "training.checkpointing=none", "pix2pix", own, "training.checkpointing=blocks")
    refuse(UsageError, "has no styles", "pix2pix", own, "options.style=3")
    refuse(UsageError, "grey", "pix2pix", own, "data.source.colour=grey")
    refuse(DiptychError, 'no checkpoint "7"', "pix2pix", own, "training.teacher_checkpoint=7")

    # A run that has learned goes on with the same teacher only.
    run_to_end(tiny_recipe("pix2pix", taught["pairs"], "training.steps=3", own), tmp_path / "run")
    other = shutil.copytree(taught["pix2pix"], tmp_path / "other")
    (place,) = (other / "checkpoints").glob("0*.safetensors")
    found = load(place)
    tensors = {name: tensor.clone() for name, tensor in found.tensors.items()}
    save(place, {name: one + 1 if name.startswith("average.") else one for name, one in tensors.items()}, found.facts)
    longer = ("training.steps=4", f"training.teacher={other}")
    refuse(UsageError, "other weights than when this run was begun", "pix2pix", *longer, folder="run")
    refuse(UsageError, "training.teacher was", "pix2pix", "training.steps=4", folder="run")
