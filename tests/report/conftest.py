"""A finished tiny run, trained once."""

import shutil
from pathlib import Path

import pytest
from toys import draw_pairs, run_to_end, tiny_recipe


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    recipe = tiny_recipe("pix2pix", draw_pairs(folder / "pairs"), "training.picture_every=2", "training.report=true")
    run_to_end(recipe, folder / "run")
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(trained, tmp_path / "run")
