"""The image law: stored pictures to tensors and back."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Kind
from diptych.pictures.values.lab import lab_to_rgb, rgb_to_lab
from diptych.tables import from_table

KINDS = [
    Kind(),
    Kind("grey"),
    Kind("grey", "uint16"),
    Kind("rgb", "uint16"),
    Kind("channels", "uint8", channels=5),
    Kind("channels", "uint16", channels=2, low=0, high=4095),
    Kind("rgb", "float32"),
    Kind("channels", "float32", channels=4, low=-3.5, high=12),
    Kind("grey", "int8", low=-128, high=127),
    Kind("grey", "int16", low=-1024, high=3000),
    Kind("channels", "int32", channels=2, low=-4_000_000, high=4_000_000),
    Kind("rgb", "float64", low=-1e6, high=1e6),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_there_and_back_gives_the_same_picture(kind: Kind, data: st.DataObject) -> None:
    low, high = kind.range
    shape = (3, 4, kind.stored_channels)
    if kind.depth in ("float32", "float64"):
        elements = st.floats(low, high, width=32)
        picture = data.draw(hnp.arrays(kind.depth, shape, elements=elements))
    else:
        picture = data.draw(hnp.arrays(kind.depth, shape, elements=st.integers(int(low), int(high))))
    tensor = kind.to_tensor(picture)
    assert tensor.dtype == torch.float32
    assert tensor.shape == (kind.network_channels, 3, 4)
    assert tensor.min() >= -1
    assert tensor.max() <= 1
    back = kind.to_stored(tensor)
    assert back.dtype == picture.dtype
    if kind.depth in ("float32", "float64"):
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
        {"colour": "gray"},
        {"depth": "uint32"},
        {"low": 5.0, "high": 5.0},
        {"low": 5.0, "high": 4.0},
        {"low": 5.0},
        {"high": 256.0},
        {"low": -1.0, "high": 255.0},
        {"depth": "uint16", "high": 65536.0},
        {"depth": "float32", "high": math.inf},
        {"depth": "float32", "low": math.nan, "high": 1.0},
        {"background": (0, 0, 300)},
        {"background": (0, 0)},
    ],
)
def test_impossible_kinds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Kind(**wrong)


def test_a_kind_survives_its_card() -> None:
    for kind in KINDS:
        assert from_table(Kind, json.loads(json.dumps(kind.as_dict()))) == kind
    with pytest.raises(UsageError, match='"gamma" is not known'):
        from_table(Kind, {"colour": "rgb", "gamma": 2.2})


def test_a_narrow_range_far_from_zero_keeps_its_values() -> None:
    kind = Kind("grey", "float32", low=1e6, high=1e6 + 1)
    values = 1e6 + np.arange(17, dtype=np.float32).reshape(1, 17, 1) / 16
    tensor = kind.to_tensor(values)
    np.testing.assert_allclose(tensor.flatten(), np.linspace(-1, 1, 17), atol=1e-6)
    np.testing.assert_array_equal(kind.to_stored(tensor), values)


def test_colorization_across_depths_takes_the_lightness_of_the_source() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (6, 5, 3)).astype(np.uint8)
    target = Kind("chroma", "uint16")
    deep = picture.astype(np.uint16) * 257
    back = target.to_stored(target.to_tensor(deep), source=picture)
    assert np.abs(back.astype(int) - deep).max() < 60


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_broken_network_gives_no_picture_but_a_preview(value: float) -> None:
    for kind in [Kind(), Kind("chroma"), Kind("channels", "float32", channels=4)]:
        tensor = torch.full((kind.network_channels, 2, 2), value)
        with pytest.raises(DiptychError, match="not finite"):
            kind.to_stored(tensor)
        assert kind.preview(tensor).shape == (2, 2, 3)


def test_bfloat16_and_strided_tensors_are_taken() -> None:
    tensor = (
        torch.linspace(-1, 1, 48, dtype=torch.bfloat16).reshape(1, 3, 4, 4).to(memory_format=torch.channels_last)[0]
    )
    picture = Kind().to_stored(tensor)
    assert picture.flags.c_contiguous
    assert (picture[0, 0, 0], picture[-1, -1, -1]) == (0, 255)


def test_what_is_read_only_is_not_written_to() -> None:
    for kind in KINDS:
        picture = np.ones((2, 3, kind.stored_channels), kind.depth)
        picture.flags.writeable = False
        kind.to_tensor(picture).add_(1)
        assert (picture == 1).all()


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.uint8, (2, 3, 3)))
def test_lab_of_every_colour_lies_in_the_range_and_comes_back(picture: Any) -> None:
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32)
    planes /= 255
    lab = rgb_to_lab(planes)
    assert lab[0].min() >= -1e-3
    assert lab[0].max() <= 100.01
    assert np.abs(lab[1:]).max() < 110  # so chroma / 110 is never clipped
    np.testing.assert_allclose(lab_to_rgb(lab), planes, atol=1e-4)
