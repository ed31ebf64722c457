"""What can be said of the Dockerfile without an engine to build it."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "Dockerfile").read_text().splitlines()
TEXT = "\n".join(LINES)
TAKEN = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    copied = [line.split()[1:-1] for line in LINES if line.startswith("COPY ") and "--from=" not in line]
    assert copied
    for name in [name for names in copied for name in names]:
        assert (ROOT / name).exists()
        assert name in TAKEN


def test_extras_and_versions_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = re.search(r"\.\[([a-z,]+)\]", TEXT)
    assert extras
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    torch = (ROOT / "constraints" / "cpu.txt").read_text().strip()
    assert f"'{torch}+cpu'" in TEXT
    runtime = re.search(r"onnxruntime-web@[\d.]+", TEXT)
    assert runtime
    assert runtime[0] in (ROOT / "Makefile").read_text()
    assert {project["readme"], *project["license-files"]} <= set(TAKEN)


def test_it_does_not_run_as_root_and_says_whether_it_lives() -> None:
    last = LINES[max(number for number, line in enumerate(LINES) if line.startswith("FROM ")) :]
    assert any(line.startswith("USER diptych") for line in last)
    assert any("/health" in line for line in last)
    assert last[-1].startswith('ENTRYPOINT ["diptych", "serve", "--host", "0.0.0.0"')
