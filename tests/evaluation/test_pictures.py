"""Judging from Python."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

import diptych
from diptych import Kind, UsageError, judge
from diptych.evaluation.pictures import examples
from diptych.pictures.kinds import Stored


def pictures(seed: int, count: int = 4) -> Iterator[Stored]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)


def test_any_iterable() -> None:
    verdict = judge(pictures(0), pictures(1), "l1,lab,kernel,diversity")
    assert [score.metric for score in verdict.scores] == ["l1", "lab L", "lab a", "lab b", "kernel", "diversity"]
    assert len(verdict.pictures["l1"]) == 4
    by_pillow = judge(map(Image.fromarray, pictures(0)), list(pictures(1)), "l1")
    assert by_pillow.scores[0] == verdict.scores[0]
    grey = judge([picture[:, :, 0] for picture in pictures(0)], kind=Kind(colour="grey"), metrics="sharpness")
    assert grey.scores[0].value > 0
    assert diptych.judge is judge


def test_the_usual_metrics_and_what_they_need() -> None:
    verdict = judge([np.zeros((8, 16, 3), np.uint8)], [np.full((8, 16, 3), 51, np.uint8)], "l1,psnr")
    assert [score.value for score in verdict.scores] == pytest.approx([0.4, 20 * np.log10(1 / 0.2)])
    large = np.zeros((161, 170, 3), np.uint8)
    assert judge([large], [large], "ms-ssim").scores[0].value == pytest.approx(1)
    with pytest.raises(UsageError, match="ms-ssim cannot be computed: it needs pictures with sides of 161"):
        judge([large[1:]], [large[1:]], "ms-ssim")
    with pytest.raises(UsageError, match="ms-ssim cannot be computed: it needs pictures with sides of 161"):
        judge([large[:, :160]], [large[:, :160]], "ms-ssim")
    names = [score.metric for score in judge(pictures(0, 1), pictures(1, 1)).scores]
    assert names == ["l1", "psnr", "ssim", "perceptual"]
    with pytest.raises(UsageError, match="vgg16-torchvision"):
        judge(pictures(0), pictures(1), "kernel", network="vgg16-torchvision")


def test_examples_are_numbered_and_shown_in_colours() -> None:
    grey = [np.full((4, 6), level, np.uint8) for level in (0, 255)]
    alone = list(examples(grey, None, Kind(colour="grey")))
    assert [example.name for example in alone] == ["0", "1"]
    (pair,) = examples(grey[:1], grey[1:], Kind(colour="grey"))
    assert pair.name == "0"
    assert pair.output_rgb.shape == (1, 3, 4, 6)
    assert (float(pair.output_rgb.max()), float(pair.output.max())) == (-1, -1)
    assert pair.target_rgb is not None
    assert float(pair.target_rgb.min()) == 1


def test_what_does_not_match() -> None:
    for outputs, targets, sentence in ((4, 5, "4 outputs, and more targets"), (3, 2, "2 targets, and more outputs")):
        with pytest.raises(UsageError, match=f"there are {sentence}; give a target for each output"):
            judge(pictures(0, outputs), pictures(0, targets), "l1")
    with pytest.raises(UsageError, match="a picture is a PIL image or a numpy array, not NoneType"):
        judge([None], [None], "l1")
    with pytest.raises(UsageError, match="kernel cannot be computed: it needs real pictures"):
        judge(pictures(0), metrics="kernel")
    with pytest.raises(UsageError, match="l1 cannot be computed: it needs a target"):
        judge(pictures(0), metrics="l1")
    with pytest.raises(UsageError, match="output 0 is 48x40 and its target 40x39"):
        judge(pictures(0), (picture[:39, :40] for picture in pictures(0)), "l1")
    with pytest.raises(UsageError, match="no picture"):
        judge([])
    with pytest.raises(UsageError, match="not str"):
        judge(["picture.png"], metrics="sharpness")
