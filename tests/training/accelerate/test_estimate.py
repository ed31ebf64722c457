"""What `diptych data check` says of memory and time."""

from pathlib import Path

import pytest
import torch
from toys import tiny_recipe

from diptych.data import open_dataset
from diptych.data.resident import resident
from diptych.errors import UsageError
from diptych.recipe import Recipe
from diptych.training.accelerate import estimate
from diptych.training.processes import Processes

ALONE = Processes(0, 1, torch.device("cpu"))


def test_what_does_not_fit_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that this machine cannot hold must not bring it down to find that out."""

    def never(*_: object) -> float:
        raise AssertionError("a real step was begun")

    monkeypatch.setattr(estimate, "free_bytes", lambda _: 2.0**20)
    monkeypatch.setattr(estimate, "seconds_a_step", never)
    said = estimate.estimate(tiny_recipe("pix2pix", Path("unused"), "training.device=cpu"))
    assert "only 0.0 GiB are free, so no step was timed" in said
    assert "training.checkpointing=blocks" in said


STAYING = 2 * 12 * 3 * 512**2
"""Bytes of twelve pairs at 512x512."""


def kept(toy_pairs: Path, wanted: str) -> Recipe:
    return tiny_recipe("pix2pix", toy_pairs, "training.device=cpu", f"data.resident={wanted}", "data.load_size=512")


@pytest.mark.parametrize(("wanted", "says"), [("on", True), ("auto", False), ("off", False)])
def test_pictures_that_stay_on_the_device_are_counted(
    wanted: str, says: bool, toy_pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "seconds_a_step", lambda *_: 1.0)
    said = estimate.estimate(kept(toy_pairs, wanted))
    assert ("data.resident" in said) == says
    assert (f"and {STAYING / 2**30:.2g} GiB for pictures that stay on the device" in said) == says


def test_they_are_what_training_keeps(toy_pairs: Path) -> None:
    recipe = kept(toy_pairs, "on")
    held = resident(open_dataset(recipe.data, "train", train=True), recipe.data, ALONE.device, 2**40, "on")
    assert held is not None
    assert held.bytes == STAYING


def test_a_device_that_holds_the_network_but_not_the_pictures(toy_pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = kept(toy_pairs, "on")
    needed = estimate.footprint(recipe, ALONE)
    monkeypatch.setattr(estimate, "footprint", lambda *_: needed)
    monkeypatch.setattr(estimate, "free_bytes", lambda _: needed + STAYING / 2)
    said = estimate.estimate(recipe)
    assert "so no step was timed" in said
    assert "or data.resident=off" in said


def test_pictures_that_cannot_stay_are_refused_as_training_would(
    toy_pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "free_bytes", lambda _: 2.0**20)
    with pytest.raises(UsageError, match=r"data\.resident=on is not possible here"):
        estimate.estimate(kept(toy_pairs, "on"))


def test_larger_batches_need_more() -> None:
    few, many = (
        estimate.footprint(tiny_recipe("pix2pix", Path("unused"), f"training.batch_size={count}"), ALONE)
        for count in (1, 64)
    )
    assert estimate.held() / 2 < few < many
