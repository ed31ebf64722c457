"""The image law: stored pictures to tensors and back."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from diptych.errors import UsageError
from diptych.images import Kind, lab_to_rgb, rgb_to_lab

KINDS = [
    Kind(),
    Kind("grey"),
    Kind("grey", "uint16"),
    Kind("rgb", "uint16"),
    Kind("channels", "uint8", channels=5),
    Kind("channels", "uint16", channels=2, low=0, high=4095),
    Kind("rgb", "float32"),
    Kind("channels", "float32", channels=4, low=-3.5, high=12),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_there_and_back_gives_the_same_picture(kind: Kind, data: st.DataObject) -> None:
    low, high = kind.range
    shape = (3, 4, kind.stored_channels)
    if kind.depth == "float32":
        elements = st.floats(low, high, width=32)
        picture = data.draw(hnp.arrays(np.float32, shape, elements=elements))
    else:
        picture = data.draw(hnp.arrays(kind.depth, shape, elements=st.integers(int(low), int(high))))
    tensor = kind.to_tensor(picture)
    assert tensor.dtype == torch.float32
    assert tensor.shape == (kind.network_channels, 3, 4)
    assert tensor.min() >= -1
    assert tensor.max() <= 1
    back = kind.to_stored(tensor)
    assert back.dtype == picture.dtype
    if kind.depth == "float32":
        np.testing.assert_allclose(back, picture, atol=1e-6 * (high - low))
    else:
        np.testing.assert_array_equal(back, picture)


def test_the_ends_of_the_range_are_minus_one_and_one() -> None:
    for kind in KINDS:
        low, high = kind.range
        ends = np.array([[[low] * kind.stored_channels, [high] * kind.stored_channels]]).astype(kind.depth)
        tensor = kind.to_tensor(ends)
        np.testing.assert_allclose(tensor[:, 0, 0], -1, atol=1e-6)
        np.testing.assert_allclose(tensor[:, 0, 1], 1, atol=1e-6)


def test_values_outside_the_stated_range_are_clipped() -> None:
    kind = Kind("grey", "float32", low=0, high=10)
    assert kind.to_tensor(np.array([[[-5.0], [15.0]]], np.float32)).flatten().tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [  # CIE Lab of sRGB colours under D65
        ((1, 1, 1), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((1, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 1, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
        ((0.5, 0.5, 0.5), (53.39, 0, 0)),
    ],
)
def test_lab_values(rgb: tuple[float, ...], lab: tuple[float, ...]) -> None:
    planes = np.array(rgb, np.float32)[:, None, None]
    np.testing.assert_allclose(rgb_to_lab(planes)[:, 0, 0], lab, atol=0.03)
    np.testing.assert_allclose(lab_to_rgb(rgb_to_lab(planes)), planes, atol=1e-4)


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_colorization_puts_lightness_and_chroma_together_again(depth: Any) -> None:
    rng = np.random.default_rng(0)
    top = 255 if depth == "uint8" else 65535
    picture = rng.integers(0, top + 1, (6, 5, 3)).astype(depth)
    source, target = Kind("lightness", depth), Kind("chroma", depth)
    assert source.to_tensor(picture).shape == (1, 6, 5)
    tensor = target.to_tensor(picture)
    assert tensor.shape == (2, 6, 5)
    back = target.to_stored(tensor, source=picture)
    assert back.dtype == picture.dtype
    assert np.abs(back.astype(int) - picture.astype(int)).max() <= max(1, top // 2000)


def test_lightness_alone_is_a_grey_picture() -> None:
    kind = Kind("lightness")
    picture = np.full((2, 2, 3), 128, np.uint8)
    assert np.abs(kind.to_stored(kind.to_tensor(picture)).astype(int) - 128).max() <= 1


def test_previews_are_rgb() -> None:
    for kind in [*KINDS, Kind("lightness"), Kind("chroma")]:
        preview = kind.preview(torch.zeros(kind.network_channels, 4, 3))
        assert preview.shape == (4, 3, 3)
        assert preview.dtype == np.uint8


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "channels"},
        {"colour": "rgb", "channels": 3},
        {"low": 5.0, "high": 5.0},
        {"background": (0, 0, 300)},
    ],
)
def test_impossible_kinds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Kind(**wrong)


def test_a_kind_survives_its_card() -> None:
    for kind in KINDS:
        assert Kind.from_dict(kind.as_dict()) == kind
