"""The [data] table: impossible values and words that would be passed over in silence are refused."""

from typing import Any

import pytest

from diptych.data import DataSettings
from diptych.data.settings import as_size
from diptych.errors import UsageError
from diptych.pictures.kinds import Kind


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"crop_size": 0}, "at least 1"),
        ({"load_size": 128, "crop_size": 256}, "smaller than data.crop_size"),
        ({"load_size": (300, 200)}, "smaller than data.crop_size"),
        ({"validation_share": 0.0}, "validation_share"),
        ({"validation_share": float("nan")}, "validation_share"),
        ({"workers": -2}, "workers"),
        ({"cache_gib": float("inf")}, "cache_gib"),
        ({"cache_gib": float("nan")}, "cache_gib"),
        ({"source_folders": ("A",)}, "set both"),
        ({"target_folder": "B"}, "set both"),
        ({"task": "edges", "source_folders": ("A",)}, "leave data.source_folders away"),
        ({"task": "edges", "direction": "b-to-a"}, "a-to-b"),
        ({"task": "edges", "target": Kind("channels", channels=5)}, "data.target"),
        ({"source_folders": ("A",), "target_folder": "B", "direction": "b-to-a"}, "a-to-b"),
        ({"source_folders": ("A",), "target_folder": "B", "layout": "side-by-side"}, "remove one"),
        ({"source_folders": ("A", "C"), "target_folder": "B", "task": "unpaired"}, "one source folder"),
        ({"task": "colorization", "source": Kind("grey")}, "lightness"),
        ({"task": "colorization", "target": Kind(depth="uint16")}, "same depth"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        DataSettings(**values)


def test_a_derived_source_brings_its_kind_along() -> None:
    assert DataSettings(task="edges").source.colour == "grey"
    settings = DataSettings(task="colorization")
    assert (settings.source.colour, settings.target.colour) == ("lightness", "chroma")


def test_a_size_may_be_a_square_or_not() -> None:
    assert as_size(7) == (7, 7)
    assert as_size((5, 9)) == (5, 9)
    DataSettings(load_size=128, crop_size=256, fit="shorter-side")  # scaled up where need be, its shape kept
