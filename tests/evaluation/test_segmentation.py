"""The segmenter: learns from few pictures, is remembered, and is not shared between data."""

from pathlib import Path

import numpy as np
import pytest
import torch

from diptych.errors import DiptychError
from diptych.evaluation import segmentation
from diptych.evaluation.labels import Tally, agreement
from diptych.evaluation.segmentation import Plan, fingerprint, trained
from diptych.networks.features.fcn import FCN

PLAN = Plan(classes=2, steps=30)
Example = tuple[torch.Tensor, "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]"]


def example(number: int) -> Example:
    """A bright square (class 1) on dark ground, at half the size of its class map."""
    rng = np.random.default_rng(number)
    top, left = rng.integers(0, 16, 2) * 2
    classes = np.zeros((64, 64), np.uint16)
    classes[top : top + 32, left : left + 32] = 1
    picture = torch.from_numpy(classes[::2, ::2].astype(np.float32)) * 1.5 - 0.8
    return picture.expand(3, 32, 32).clone(), classes


def test_learns_is_kept_and_scores_real_above_noise(tmp_path: Path) -> None:
    said: list[str] = []
    segmenter = trained(PLAN, 16, example, tmp_path, said.append)
    assert "step 30/30" in said[-1]
    real, noise = Tally(2), Tally(2)
    for number in range(100, 106):
        picture, classes = example(number)
        real.add(classes, segmenter(picture, (64, 64)))
        noise.add(classes, segmenter(torch.rand(3, 32, 32) * 2 - 1, (64, 64)))
    assert agreement(real.counts).pixel_accuracy > 0.9 > agreement(noise.counts).pixel_accuracy
    said.clear()
    again = trained(PLAN, 16, example, tmp_path, said.append)
    assert not said
    picture, _ = example(7)
    assert (again(picture, (64, 64)) == segmenter(picture, (64, 64))).all()
    (kept,) = tmp_path.glob("*.safetensors")
    kept.write_bytes(kept.read_bytes()[:1000])
    monkeypatched = pytest.MonkeyPatch()
    monkeypatched.setattr(segmentation, "train", lambda *_: said.append("anew"))
    trained(PLAN, 16, example, tmp_path, lambda _: None)
    monkeypatched.undo()
    assert said == ["anew"]  # the damaged one was not used


def test_fingerprints_tell_data_and_plans_apart() -> None:
    assert fingerprint(PLAN, 16, example) == fingerprint(PLAN, 16, example)
    assert fingerprint(PLAN, 16, example) != fingerprint(PLAN, 15, example)
    assert fingerprint(PLAN, 16, example) != fingerprint(Plan(2, steps=31), 16, example)
    assert fingerprint(PLAN, 16, example) != fingerprint(PLAN, 16, lambda number: example(number + 1))


def test_class_maps_of_any_size(tmp_path: Path) -> None:
    """Maps of several sizes are learnt together; one beyond what the segmenter sees is judged at its own size."""

    def mixed(number: int) -> Example:
        picture, classes = example(number)
        return (picture, classes) if number % 2 else (picture, classes[::2, ::2].copy())

    segmenter = trained(Plan(2, steps=2), 16, mixed, tmp_path, lambda _: None)
    assert segmenter(example(0)[0], (700, 1100)).shape == (700, 1100)
    assert segmentation.seen_size((700, 1100)) == (326, 512)
    assert segmentation.seen_size((30, 40)) == (30, 40)


def test_a_class_too_many_is_told(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="holds class 1, and there are 1 classes; give --classes 2, or --ignore 1"):
        trained(Plan(1, steps=2), 16, example, tmp_path, lambda _: None)


def test_logits_have_the_size_of_the_picture() -> None:
    network = FCN(5).train()
    assert network(torch.zeros(1, 3, 48, 80)).shape == (1, 5, 48, 80)
    assert not any(module.training for module in network.backbone.modules() if isinstance(module, torch.nn.BatchNorm2d))
