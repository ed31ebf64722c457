"""What `diptych data check` says of memory and time."""

import math
import sys
from pathlib import Path

import pytest
import torch
from toys import tiny_recipe

from diptych.data import open_dataset
from diptych.data.resident import resident
from diptych.errors import UsageError
from diptych.recipe import Recipe
from diptych.training.processes import Processes
from diptych.training.setup import estimate

ALONE = Processes(0, 1, torch.device("cpu"))


FOUND = estimate.Measured(3 * estimate.GIB, 0.6)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit a process's memory")
def test_what_does_not_fit_ends_its_own_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that this machine cannot hold must not bring it down to find that out."""
    recipe = tiny_recipe("pix2pix", Path("unused"), "training.device=cpu", "training.batch_size=64", "options.width=64")
    monkeypatch.setattr(estimate, "free_bytes", lambda _: 50 * 2.0**20)
    said = estimate.estimate(recipe)
    assert "only 0.0 GiB are free, and no step could be made in them. Lower training.batch_size" in said
    assert "training.checkpointing=blocks" in said


@pytest.mark.slow
def test_a_few_real_steps_are_measured() -> None:
    few, many = (
        estimate.measured(tiny_recipe("pix2pix", Path("unused"), f"training.batch_size={count}"), math.inf)
        for count in (1, 256)
    )
    assert isinstance(few, estimate.Measured)
    assert isinstance(many, estimate.Measured)
    assert 100 * 2**20 < few.bytes < many.bytes
    assert 0 < few.seconds < many.seconds


@pytest.mark.slow
def test_what_training_would_refuse_is_refused() -> None:
    recipe = tiny_recipe("pix2pix", Path("unused"), "training.precision=tf32", "training.device=cpu")
    with pytest.raises(UsageError, match="is tf32, which NVIDIA GPUs have"):
        estimate.measured(recipe, math.inf)


def test_memory_and_time_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "measured", lambda *_: FOUND)
    said = estimate.estimate(tiny_recipe("pix2pix", Path("unused"), "training.device=cpu", "data.cache_gib=2"))
    assert (
        "(cpu): 3.0 GiB of memory at the highest, up to 2 GiB more for decoded pictures (data.cache_gib), and, as"
        in said
    )
    assert said.endswith("10 minutes for a thousand steps.")


def test_another_trouble_than_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "measured", lambda *_: "could not create a primitive")
    said = estimate.estimate(tiny_recipe("pix2pix", Path("unused"), "training.device=cpu"))
    assert "no step could be made in them (could not create a primitive). Lower" in said


STAYING = 2 * 12 * 3 * 512**2
"""Bytes of twelve pairs at 512x512."""


def kept(toy_pairs: Path, wanted: str) -> Recipe:
    return tiny_recipe("pix2pix", toy_pairs, "training.device=cpu", f"data.resident={wanted}", "data.load_size=512")


@pytest.mark.parametrize(("wanted", "says"), [("on", True), ("auto", False), ("off", False)])
def test_pictures_that_stay_on_the_device_are_counted(
    wanted: str, says: bool, toy_pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "measured", lambda *_: FOUND)
    said = estimate.estimate(kept(toy_pairs, wanted))
    assert ("data.resident" in said) == says
    assert (f"and {STAYING / 2**30:.2g} GiB for pictures that stay on the device" in said) == says


def test_they_are_what_training_keeps(toy_pairs: Path) -> None:
    recipe = kept(toy_pairs, "on")
    held = resident(open_dataset(recipe.data, "train", train=True), recipe.data, ALONE.device, 2**40, "on")
    assert held is not None
    assert held.bytes == STAYING


def test_a_device_that_holds_the_network_but_not_the_pictures(toy_pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms: list[float] = []

    def measured(_: Recipe, room: float) -> str:
        rooms.append(room)
        return ""

    monkeypatch.setattr(estimate, "measured", measured)
    monkeypatch.setattr(estimate, "free_bytes", lambda _: 2 * estimate.GIB)
    said = estimate.estimate(kept(toy_pairs, "on"))
    assert rooms == [2 * estimate.GIB - STAYING]
    assert f"no step could be made in them beside {STAYING / 2**30:.2g} GiB for pictures that stay" in said
    assert "or data.resident=off" in said


def test_pictures_that_cannot_stay_are_refused_as_training_would(
    toy_pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "free_bytes", lambda _: 2.0**20)
    with pytest.raises(UsageError, match=r"data\.resident=on is not possible here"):
        estimate.estimate(kept(toy_pairs, "on"))
