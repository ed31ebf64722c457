"""Folders that are looked over."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from checking import beside, label, photo, save
from commanding import Typed
from web import Server


@pytest.fixture
def checked(typed: Typed) -> Typed:
    """Types ``diptych data check``."""
    return partial(typed, "data", "check")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Ten pairs to train and four to validate: label | photo."""
    for split, count in (("train", 10), ("val", 4)):
        for number in range(count):
            save(tmp_path / "pairs" / split / f"{number}.png", beside(label(), photo()))
    return tmp_path / "pairs"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """The same in the folders trainA, trainB, valA and valB."""
    for split, count in (("train", 10), ("val", 4)):
        for number in range(count):
            save(tmp_path / "folders" / f"{split}A" / f"{number}.png", label())
            save(tmp_path / "folders" / f"{split}B" / f"{number}.jpg", photo())
    return tmp_path / "folders"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()
