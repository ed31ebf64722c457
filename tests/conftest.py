"""What every test may use."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from commanding import Said, Typed
from toys import draw_pairs

from diptych import cli, registry

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-pins", action="store_true", help="write tests/systems/pinned_losses.json anew")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures named by DIPTYCH_DATA (default: beside the project); skips where it is absent."""
    folder = Path(os.environ.get("DIPTYCH_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "facades").is_dir():
        pytest.skip(f"no real pictures at {folder}; set DIPTYCH_DATA to their folder")
    return folder


@pytest.fixture
def toy_pairs(tmp_path: Path) -> Path:
    """Twelve side-by-side pictures of 40 x 20 in train and four in val: blobs, and the blobs inverted."""
    return draw_pairs(tmp_path / "pairs")


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    """Types a command; no command may answer with a traceback."""

    def answer(*words: str | Path) -> Said:
        capsys.readouterr()
        code = cli.call([str(word) for word in words])
        said = Said(code, *capsys.readouterr())
        assert "Traceback" not in said.out + said.err
        return said

    return answer


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for users' code, in which the test works; what it registers and imports is forgotten afterwards."""
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(registry, "IMPORTED", {})
    monkeypatch.setattr(registry, "PACKAGES", registry.Packages())
    for table in registry.TABLES.values():
        monkeypatch.setattr(table, "added", {})
        monkeypatch.setattr(table, "makers", {})
    yield folder
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium without a window; one for a module, since others may want an event loop of their own."""
    from playwright.sync_api import sync_playwright

    place = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if place is None:
        pytest.skip("there is no Chromium here; install one to try pages in a browser")
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=place, args=["--no-sandbox"])
        yield found
        found.close()
