"""What the names of two folders say of which is the source: whole words of either."""

import pytest

from diptych.data.checks.folder_names import named_source


@pytest.mark.parametrize(
    ("first", "second", "source"),
    [
        ("drawings", "photos", "a"),
        ("photos", "Drawings", "b"),
        ("source", "target", "a"),
        ("Output", "anything", "b"),
        ("labels", "target", "a"),
        ("input", "labels", "a"),
        ("trainLabels", "trainPhotos", "a"),
        ("train", "trainannot", "b"),
        ("street/train", "street_seg/train", "b"),
        ("outlines", "online", "a"),
        ("airlines", "photos", ""),
        ("resources", "photos", ""),
        ("A", "B", ""),
        ("masks", "edges", ""),
    ],
)
def test_which_folder_is_called_a_source(first: str, second: str, source: str) -> None:
    assert named_source(first, second) == source
