"""The segmenter: learns from few pictures, is remembered, and is not shared between data."""

from pathlib import Path

import numpy as np
import pytest
import torch

from diptych.errors import DiptychError
from diptych.evaluation import segmentation
from diptych.evaluation.labels import IGNORED, agreement, tally
from diptych.evaluation.segmentation import Plan, fingerprint, trained
from diptych.networks.blocks import channels_last
from diptych.networks.features.fcn import FCN
from diptych.networks.features.pretrained import load

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
    assert said[0].startswith(
        "Training the segmenter on 16 real pictures (FCN on EfficientNet-Lite0, 2 classes, 30 steps of 8"
    )
    assert "step 30/30" in said[-1]
    real, noise = np.zeros((2, 3, 2), np.int64)
    for number in range(100, 106):
        picture, classes = example(number)
        real += tally(classes, segmenter(picture, (64, 64)), 2)
        noise += tally(classes, segmenter(torch.rand(3, 32, 32) * 2 - 1, (64, 64)), 2)
    assert agreement(real).pixel_accuracy > 0.9 > agreement(noise).pixel_accuracy
    said.clear()
    again = trained(PLAN, 16, example, tmp_path, said.append)
    assert not said
    picture, _ = example(7)
    assert (again(picture, (64, 64)) == segmenter(picture, (64, 64))).all()
    (kept,) = tmp_path.glob("*.safetensors")
    assert kept.stem == fingerprint(PLAN, 16, example)
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


def test_the_size_that_is_seen_and_how_pictures_come_to_it() -> None:
    assert segmentation.seen_size((1, 2000)) == (1, 512)
    assert segmentation.seen_size((2000, 1)) == (512, 1)
    ramp = torch.tensor([0.0, 1.0]).expand(3, 1, 2)
    assert segmentation.resized(ramp, (1, 4))[0, 0].tolist() == pytest.approx([0, 0.25, 0.75, 1])
    numbers = np.array([[0, 1, 300]], np.uint16)
    assert segmentation.resized_classes(numbers, (2, 2)).tolist() == [[0, 300], [0, 300]]  # the nearest of centres


def test_a_batch_has_the_size_of_its_first_map() -> None:
    def mixed(number: int) -> Example:
        picture, classes = example(number)
        return (picture, classes) if number else (picture, classes[::2, ::2].copy())

    for order, side in (([0, 1], 32), ([1, 0], 64)):
        pictures, maps = segmentation.batch_of(mixed, np.array(order), np.random.default_rng(0), 2)
        assert pictures.shape == (2, 3, side, side)
        assert maps.shape == (2, side, side)


def test_mirrored_with_their_maps_as_often_as_not() -> None:
    """Bands of classes on a picture twice as high as it is wide; whether it is mirrored is the generator's next number."""
    classes = np.zeros((8, 4), np.uint16)
    classes[:, 3] = 1
    picture = torch.from_numpy(classes.astype(np.float32)).expand(3, 8, 4)
    pictures, maps = segmentation.batch_of(lambda _: (picture, classes), np.arange(6), np.random.default_rng(1), 2)
    mirrored = np.random.default_rng(1).random(6) < 0.5
    assert 0 < mirrored.sum() < 6
    for one, labels, turned in zip(pictures, maps, mirrored, strict=True):
        expected = np.fliplr(classes) if turned else classes
        assert np.array_equal(labels.numpy(), expected)
        assert np.array_equal(one[0].numpy(), expected)


def test_three_steps_by_hand(tmp_path: Path) -> None:
    """Adam written out, its rate a quarter for the backbone, falling as a cosine; the ignored class counts for nothing."""

    def read(number: int) -> Example:
        picture, classes = example(number)
        classes[:8] = IGNORED
        return picture, classes

    plan = Plan(classes=2, steps=3, seed=4)
    found = trained(plan, 12, read, tmp_path, lambda _: None).network
    torch.manual_seed(4)
    network = FCN(2)
    network.backbone.load_state_dict(load("efficientnet-lite0").state_dict())
    torch.manual_seed(4)
    for layer in network.scores.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.reset_parameters()
    network = channels_last(network.train(), torch.device("cpu"))
    rng = np.random.default_rng(4)
    order = rng.permutation(12)
    squares = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in network.named_parameters()}
    for step in range(3):
        if len(order) < 8:
            order = np.concatenate([order, rng.permutation(12)])
        taken, order = order[:8], order[8:]
        pictures, maps = segmentation.batch_of(read, taken, rng, 2)
        scores = network(pictures.contiguous(memory_format=torch.channels_last)).log_softmax(1)
        known = maps != IGNORED
        picked = scores.gather(1, maps.where(known, 0)[:, None])[:, 0]
        network.zero_grad()
        (-picked[known].mean()).backward()
        rate = 1e-3 * (1 + np.cos(np.pi * step / 3)) / 2
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if parameter.grad is None:
                    continue
                first, second = squares[name]
                first.lerp_(parameter.grad, 0.1)
                second.mul_(0.999).addcmul_(parameter.grad, parameter.grad, value=0.001)
                scale = (second / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
                share = rate / 4 if name.startswith("backbone") else rate
                parameter.sub_(share * first / (1 - 0.9 ** (step + 1)) / scale)
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(found.get_parameter(name), parameter, rtol=1e-3, atol=2e-5, msg=name)


def test_progress_says_the_rate_and_the_seconds_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0, 120.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    said: list[str] = []
    shown: list[int] = []

    def read(number: int) -> Example:
        shown.append(number)
        return tiny(number)

    segmentation.train(FCN(2), Plan(2, steps=60), 16, read, said.append)
    assert len(shown) == 60 * 8
    assert [line.partition("  loss")[0] for line in said] == [
        "segmenter: step 50/60  5.00 steps/s  left 2 s",
        "segmenter: step 60/60  3.00 steps/s  left 0 s",
    ]


def tiny(number: int) -> Example:
    picture, classes = example(number)
    return picture[:, :4, :4], classes[:4, :4]


def test_a_class_too_many_is_told(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="holds class 1, and there are 1 classes; give --classes 2, or --ignore 1"):
        trained(Plan(1, steps=2), 16, example, tmp_path, lambda _: None)


def test_logits_have_the_size_of_the_picture() -> None:
    network = FCN(5).train()
    assert network(torch.zeros(1, 3, 48, 80)).shape == (1, 5, 48, 80)
    assert not any(module.training for module in network.backbone.modules() if isinstance(module, torch.nn.BatchNorm2d))
