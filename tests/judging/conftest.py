"""What the tests of judging share."""

from pathlib import Path

import pytest
from toys import run_to_end, tiny_recipe


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def run(toy_pairs: Path, tmp_path: Path) -> Path:
    run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    return tmp_path / "run"
