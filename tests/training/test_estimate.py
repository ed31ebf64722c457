"""What `diptych data check` says of memory and time."""

from pathlib import Path

import pytest
import torch
from toys import tiny_recipe

from diptych.data import open_dataset
from diptych.data.resident import resident
from diptych.training import estimate
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


@pytest.mark.parametrize(("wanted", "says"), [("on", True), ("auto", False), ("off", False)])
def test_pictures_that_stay_on_the_device_are_counted(
    wanted: str, says: bool, toy_pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "seconds_a_step", lambda *_: 1.0)
    recipe = tiny_recipe("pix2pix", toy_pairs, "training.device=cpu", f"data.resident={wanted}", "data.load_size=512")
    said = estimate.estimate(recipe)
    staying = f"and {2 * 12 * 3 * 512**2 / 2**20:.0f} MiB for pictures that stay on the device (data.resident)"
    assert (staying in said) == says
    kept = resident(open_dataset(recipe.data, "train", train=True), recipe.data, ALONE.device, 2**40, "on")
    assert kept is not None
    assert kept.bytes == 2 * 12 * 3 * 512**2


def test_larger_batches_need_more() -> None:
    few, many = (
        estimate.footprint(tiny_recipe("pix2pix", Path("unused"), f"training.batch_size={count}"), ALONE)
        for count in (1, 64)
    )
    assert estimate.held() / 2 < few < many
