"""Judging from Python."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

import diptych
from diptych import Kind, UsageError, judge
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


def test_what_does_not_match() -> None:
    with pytest.raises(UsageError, match="there are 4 outputs, and more targets"):
        judge(pictures(0), pictures(0, 5), "l1")
    with pytest.raises(UsageError, match="l1 cannot be computed: it needs a target"):
        judge(pictures(0), metrics="l1")
    with pytest.raises(UsageError, match="output 0 is 48x40 and its target 40x40"):
        judge(pictures(0), (picture[:, :40] for picture in pictures(0)), "l1")
    with pytest.raises(UsageError, match="no picture"):
        judge([])
    with pytest.raises(UsageError, match="not str"):
        judge(["picture.png"], metrics="sharpness")
