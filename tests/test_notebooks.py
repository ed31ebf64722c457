"""The notebooks of examples/ run from above to below, here in a small form: two steps, 22 drawings, narrow networks."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from documents import ROOT, after_name, simple_commands
from nbclient import NotebookClient

from diptych.cli import app, without_imports
from diptych.data.openmoji.drawings import prepare

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
SMALL = [
    "options.width=4",
    "options.discriminator_width=4",
    "data.load_size=36",
    "data.crop_size=32",
    "training.precision=float32",
    "training.statistics_pictures=8",
    "training.report=false",
]
SIDE = 40
NAMES = (
    *("1F30C", "1F32D", "1F335", "1F346", "1F3A4", "1F3A8"),  # of val
    *("1F339", "1F33E", "1F33F", "1F375", "1F391", "1F3BF"),  # of test
    *("1F302", "1F304", "1F306", "1F308", "1F30A", "1F30B", "1F30D", "1F310", "1F313", "1F317"),
)


def read(path: Path) -> nbformat.NotebookNode:
    found: nbformat.NotebookNode = nbformat.read(path, as_version=nbformat.current_nbformat)
    return found


def tagged(notebook: nbformat.NotebookNode, tag: str) -> Iterator[int]:
    return (place for place, cell in enumerate(notebook.cells) if tag in cell.metadata.get("tags", ()))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_its_commands_are_understood(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert len(list(tagged(notebook, "parameters"))) == 1
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        assert not cell.outputs
        assert cell.execution_count is None
        first, *lines = cell.source.splitlines()
        for words in (words for line in lines if first == "%%bash" for words in simple_commands(line)):
            app.parse_args(without_imports(after_name(words))[0], exit_on_error=False, print_error=False)


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few drawings, where the notebooks have all."""
    return prepare(tmp_path_factory.mktemp("drawn") / "openmoji", SIDE, names=NAMES, processes=1)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "openmoji-143").symlink_to(drawings)
    notebook = read(path)
    (place,) = tagged(notebook, "parameters")
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(f"steps, settings = 2, {SMALL}"))
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        skip_cells_with_tag="data",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
