"""What `diptych data check` says of memory and time."""

from pathlib import Path

import pytest
import torch
from toys import tiny_recipe

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


def test_larger_batches_need_more() -> None:
    few, many = (
        estimate.footprint(tiny_recipe("pix2pix", Path("unused"), f"training.batch_size={count}"), ALONE)
        for count in (1, 64)
    )
    assert estimate.held() / 2 < few < many
