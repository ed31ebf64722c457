"""From what a file holds to what a Kind says: channels, opacity, depths, by stated ranges only."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from diptych.errors import DiptychError
from diptych.pictures.decoded import Decoded
from diptych.pictures.formats import from_array, from_pillow, to_pillow
from diptych.pictures.kinds import Kind
from diptych.pictures.to_kind import as_kind, luma

ALL_16 = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
ALL_8 = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)


def test_sixteen_bits_to_eight_are_the_nearest_of_the_full_ranges() -> None:
    found = from_array(ALL_16, Kind("grey"))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.rint(ALL_16 / 65535 * 255))


def test_eight_bits_to_sixteen_and_back_are_the_same() -> None:
    deep = from_array(ALL_8, Kind("grey", "uint16"))
    np.testing.assert_array_equal(deep, np.rint(ALL_8 / 255 * 65535))
    np.testing.assert_array_equal(from_array(deep, Kind("grey")), ALL_8)


@pytest.mark.parametrize("array", [ALL_8, ALL_16], ids=["uint8", "uint16"])
def test_integers_for_a_float_kind_fill_its_range(array: Any) -> None:
    found = from_array(array, Kind("grey", "float32", low=-2, high=6))
    assert found.dtype == np.float32
    assert (found.min(), found.max()) == (-2, 6)
    np.testing.assert_allclose(found, array / array.max() * 8 - 2, atol=1e-6)


def test_the_depth_of_a_picture_does_not_hang_on_its_values() -> None:
    dark = np.full((3, 3, 1), 200, np.uint16)  # would fit into 8 bits, and is nearly black all the same
    assert from_array(dark, Kind("grey")).max() == 1
    bright = np.full((3, 3, 1), 7.0, np.float32)
    assert from_array(bright, Kind("grey", "float32")).max() == 7
    assert Kind("grey", "float32").to_tensor(bright).max() == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_whatever_it_came_in(value: float) -> None:
    kind = Kind("grey", "float32")
    array = np.array([[0, value]], np.float32)
    with pytest.raises(DiptychError, match="the array holds values that are not finite"):
        from_array(array, kind)
    with pytest.raises(DiptychError, match="the picture holds values that are not finite"):
        from_pillow(Image.fromarray(array), kind)
    with pytest.raises(DiptychError, match="not finite"):
        from_array(np.array([[1e300]]), kind)  # a float64 that float32 cannot hold


@pytest.mark.parametrize("kind", [Kind(), Kind("rgb", "uint16")], ids=str)
def test_floats_for_an_integer_kind_are_refused_with_both_remedies(kind: Kind) -> None:
    with pytest.raises(DiptychError, match=rf'save it as {kind.depth}, or have the kind state depth = "float32"'):
        from_array(np.zeros((2, 2, 3)), kind)


@pytest.mark.parametrize(
    ("kind", "white"),
    [
        (Kind("rgb", "uint8"), 255),
        (Kind("rgb", "uint16"), 65535),
        (Kind("rgb", "uint16", high=4095), 4095),
        (Kind("rgb", "float32"), 1.0),
        (Kind("rgb", "float32", low=-1, high=3), 3.0),
    ],
)
def test_the_background_is_white_in_the_range_of_the_kind(kind: Kind, white: float) -> None:
    clear = np.zeros((2, 3, 4), kind.depth)
    found = from_array(clear, kind)
    assert found.tolist() == np.full((2, 3, 3), white).tolist()
    assert (kind.to_tensor(found) == 1).all()


def test_grey_with_opacity_lies_on_the_luma_of_the_background() -> None:
    clear = np.array([[[0, 0], [7, 255]]], np.uint8)
    assert from_array(clear, Kind("grey", background=(255, 0, 0))).flatten().tolist() == [76, 7]
    assert from_array(clear, Kind(background=(10, 10, 10)))[0].tolist() == [[10] * 3, [7] * 3]


def test_a_kind_of_channels_keeps_opacity_and_counts_it() -> None:
    array = np.arange(16, dtype=np.uint8).reshape(2, 2, 4)
    np.testing.assert_array_equal(from_array(array, Kind("channels", channels=4)), array)
    with pytest.raises(DiptychError, match="the array has 4 channels, and the kind says 3"):
        from_array(array, Kind("channels", channels=3))


def test_a_tensor_s_order_of_axes_is_recognised_in_the_sentence() -> None:
    with pytest.raises(DiptychError, match=r"has 40 channels.*were its channels first, save array\.transpose"):
        from_array(np.zeros((3, 30, 40), np.uint8), Kind())


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.uint8, (3, 4, 3)), st.sampled_from(["uint8", "uint16"]))
def test_luma_is_that_of_the_weights(picture: Any, depth: str) -> None:
    picture = picture.astype(depth) * (257 if depth == "uint16" else 1)
    expected = picture.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert np.abs(luma(picture)[..., 0] - expected).max() <= 0.51
    grey = np.repeat(picture[..., :1], 3, axis=2)
    np.testing.assert_array_equal(luma(grey), grey[..., :1])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["rgb", "grey", "lightness", "chroma"]),
    st.sampled_from(["uint8", "uint16", "float32"]),
    st.sampled_from(["uint8", "uint16"]),
    st.integers(1, 4),
    st.data(),
)
def test_every_picture_fits_every_kind(colour: Any, depth: Any, found: str, channels: int, data: st.DataObject) -> None:
    array = data.draw(hnp.arrays(found, (3, 2, channels)))
    kind = Kind(colour, depth)
    picture = as_kind(Decoded(array, alpha=channels in (2, 4)), kind, "a")
    assert picture.shape == (3, 2, kind.stored_channels)
    assert picture.dtype == np.dtype(depth)
    assert kind.to_tensor(picture).abs().max() <= 1


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_pillow_there_and_back(depth: Any) -> None:
    kind = Kind("grey", depth)
    picture = from_array(ALL_8, kind)
    np.testing.assert_array_equal(from_pillow(to_pillow(picture), kind), picture)
    if depth != "uint8":
        with pytest.raises(DiptychError, match=f"Pillow cannot hold 3 channels of {depth}"):
            to_pillow(from_array(ALL_8, Kind("rgb", depth)))
