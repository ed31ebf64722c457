"""Runs of every system, trained for a step or two and kept for the whole session."""

from pathlib import Path

import pytest
from toys import Made, draw_pairs, run_to_end, tiny_recipe

from diptych.data.public import catalog


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The run folder of a system."""
    place = tmp_path_factory.mktemp("exported")
    pairs = draw_pairs(place / "pairs")

    def run(system: str) -> Path:
        folder = place / system
        return folder if folder.is_dir() else run_to_end(tiny_recipe(system, pairs), folder)[0].folder

    return run


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder for the session."""
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    assert catalog.cache_folder().is_relative_to(tmp_path)
    return tmp_path / "cache"
