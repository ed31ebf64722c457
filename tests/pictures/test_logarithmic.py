"""Kinds of logarithmic scale: networks see logarithms, files keep their values."""

from typing import Any

import numpy as np
import pytest
import torch

from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Kind

RADAR = Kind("grey", "float32", low=1e-4, high=100.0, scale="logarithmic", unit="power")


def test_decades_are_equal_steps() -> None:
    """Six decades from -1 to 1, as 10 log10 gives them; what lies below the range is its lowest value."""
    values = np.array([0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1e4], dtype=np.float32)[None, :, None]
    seen = RADAR.to_tensor(values)[0, 0]
    decibels = 10 * np.log10(np.clip(values[0, :, 0].astype(float), 1e-4, 100))
    np.testing.assert_allclose(seen, (decibels + 40) / 60 * 2 - 1, atol=1e-6)


def test_values_come_back_within_a_millionth() -> None:
    values = np.geomspace(1e-4, 100, 10_001).astype(np.float32)[None, :, None]
    back = RADAR.to_stored(RADAR.to_tensor(values))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, values, rtol=1e-6)
    planes = torch.linspace(-1, 1, 4001)[None, None]
    torch.testing.assert_close(RADAR.to_tensor(RADAR.to_stored(planes)), planes, atol=3e-7, rtol=0)


@pytest.mark.parametrize(("depth", "top"), [("uint8", 255), ("uint16", 65535), ("int16", 32767)])
def test_whole_numbers_come_back_to_the_bit(depth: Any, top: int) -> None:
    kind = Kind("grey", depth, low=1, high=top, scale="logarithmic")
    values = np.arange(1, top + 1).astype(depth)[None, :, None]
    np.testing.assert_array_equal(kind.to_stored(kind.to_tensor(values)), values)


def test_nodata_stays_nodata() -> None:
    kind = Kind("grey", "float32", low=1e-4, high=100.0, scale="logarithmic", nodata="nan")
    values = np.array([[[1.0], [np.nan]]], dtype=np.float32)
    assert kind.to_tensor(values).isnan().tolist() == [[[False, True]]]


@pytest.mark.parametrize(
    "values",
    [{}, {"low": 0.0, "high": 3.0}, {"low": -1.0, "high": 3.0}, {"low": 0.1, "high": 3.0, "colour": "lightness"}],
)
def test_a_logarithm_needs_a_range_above_zero(values: Any) -> None:
    with pytest.raises(UsageError, match="low above 0"):
        Kind(**{"depth": "float32", **values}, scale="logarithmic")


def test_values_below_the_range_can_be_refused() -> None:
    from diptych.pictures.formats import from_array

    kind = Kind("grey", "float32", low=1e-4, high=100.0, scale="logarithmic", beyond="refuse")
    with pytest.raises(DiptychError, match="widen low and high"):
        from_array(np.zeros((2, 2, 1), dtype=np.float32), kind)
