"""A PatchGAN and a projected discriminator as one side."""

from pathlib import Path

import pytest
import torch
from building import batch_of, build
from toys import assert_equal, tiny_recipe
from variants import ALONE

from diptych.errors import UsageError
from diptych.losses import ADVERSARIES
from diptych.networks import PatchGAN
from diptych.networks.projected import ProjectedDiscriminator
from diptych.systems import Pix2Pix
from diptych.systems.parts.judges import PatchAndProjected
from diptych.training.setup.estimate import noise
from diptych.training.trainer import Trainer


def test_what_each_judges_and_what_each_loses() -> None:
    """The PatchGAN sees source and target, the projected one the target alone; their losses stand beside each other."""
    system = build("pix2pix", projected="beside", projected_heads="separable", adversary="hinge", dropout=())
    assert isinstance(system, Pix2Pix)
    judges = system.discriminator
    assert isinstance(judges, PatchAndProjected)
    judges.eval()
    (source, target), hinge = batch_of(), ADVERSARIES["hinge"]
    fake = system.generator(source)
    discriminator, generator = system.losses(batch_of(), 0)
    expected = {}
    for name, real, judged in (
        ("", judges.patch(torch.cat([source, target], 1)), judges.patch(torch.cat([source, fake], 1))),
        ("projected_", judges.projected(target), judges.projected(fake)),
    ):
        expected[f"{name}adversarial"] = hinge.generator(judged)
        torch.testing.assert_close(discriminator.terms[f"{name}adversarial"], 0.5 * hinge.discriminator(real, judged))
        shares = ((real > 0).float().mean() + (judged < 0).float().mean()) / 2
        torch.testing.assert_close(discriminator.figures[f"{name}accuracy"], shares)
    for name, loss in expected.items():
        torch.testing.assert_close(generator.terms[name], loss)
    assert set(generator.terms) == {*expected, "l1"}


@pytest.mark.parametrize(("system", "path"), [("pix2pix", "discriminator"), ("cyclegan", "discriminator.b")])
def test_what_stands_where(system: str, path: str) -> None:
    assert type(build(system).get_submodule(path)) is PatchGAN
    assert type(build(system, projected="alone").get_submodule(path)) is ProjectedDiscriminator
    both = build(system, projected="beside").get_submodule(path)
    assert [type(part) for part in both.children()] == [PatchGAN, ProjectedDiscriminator]


def test_notes_and_refusals() -> None:
    assert "no discriminator sees the source" in build("pix2pix", projected="alone").notes[0]
    assert "projected do nothing" in build("pix2pix", objective="l1", projected="alone").notes[0]
    assert build("pix2pix", projected="beside").notes == ()
    assert dict(build("pix2pix", objective="l1", projected="beside").facts) == {}
    with pytest.raises(UsageError, match="no Wasserstein critic"):
        build("pix2pix", projected="beside", adversary="wasserstein")
    with pytest.raises(UsageError, match=r"the targets here have 5 channels; set .*options\.projected=none"):
        build("pix2pix", channels=(3, 5), projected="beside")
    with pytest.raises(UsageError, match=r"^CycleGAN .*the sources here have 5 channels; set options\.projected=none"):
        build("cyclegan", channels=(5, 3), projected="alone")
    assert build("pix2pix", channels=(5, 1), projected="beside").sides  # it sees no source


@pytest.mark.parametrize("batch", [1, 2])
def test_goes_on_bitwise_from_its_tensors(batch: int) -> None:
    """Frozen random layers and the vectors of spectral normalisation are among them; augmentation is drawn by the step's address."""
    words = ("options.projected=beside", "options.projected_heads=separable", f"training.batch_size={batch}")
    recipe = tiny_recipe("pix2pix", Path("unused"), *words)
    batches = [noise(recipe) for _ in range(2)]
    straight = Trainer(recipe, ALONE, pictures=12)
    straight.advance(iter(batches[:1]), 0, faults=0)
    saved = {name: tensor.clone() for name, tensor in straight.state.tensors().items()}
    straight.advance(iter(batches[1:]), 1, faults=0)
    assert any(".mixing." in name for name in saved)
    assert not any("_blocks" in name or ("exp_avg" in name and ".mixing." in name) for name in saved)
    resumed = Trainer(tiny_recipe("pix2pix", Path("unused"), *words, "training.seed=5"), ALONE, pictures=12)
    assert not resumed.state.mismatch(saved)
    resumed.state.load(saved)
    resumed.state.recipe = recipe
    resumed.advance(iter(batches[1:]), 1, faults=0)
    assert_equal(straight.state.tensors(), resumed.state.tensors())
