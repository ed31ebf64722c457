"""``diptych translate`` through standard input and output."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commanding import save
from damaged import huge_png
from PIL import Image

from diptych import cli


@pytest.fixture
def piped(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def answer(data: bytes, *words: str | Path) -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = cli.call([str(word) for word in words])
        out, err = capsysbinary.readouterr()
        assert b"Traceback" not in err
        return code, out, err.decode()

    return answer


def test_from_standard_input_to_standard_output(run: Path, piped: Any, tmp_path: Path) -> None:
    data = save(tmp_path / "a.png").read_bytes()
    code, out, err = piped(data, "translate", run, "-", "--out", "-")
    assert code == 0
    assert "Checkpoint of step 6." in err
    assert "at 16x16, the scale of training" in err
    with Image.open(io.BytesIO(out)) as picture:
        assert (picture.format, picture.size) == ("PNG", (24, 20))
    said = "Checkpoint of step 6.\n"
    assert piped(b"", "translate", run, "a.png", "--out", "-", "--size", "training") == (0, out, said)
    assert piped(data, "translate", run, "-", "--out", "b.png")[0] == 0
    assert (tmp_path / "b.png").read_bytes() == out
    code, again, err = piped(data, "translate", run, "-", "--out", "b.png")
    assert (code, again) == (1, b"")
    assert "b.png exists; give --overwrite" in err
    code, out, _ = piped(data, "translate", run, "-", "--out", "-", "--format", "jpg", "--grid")
    with Image.open(io.BytesIO(out)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (48, 20))


def test_bad_things_through_pipes(run: Path, piped: Any, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("a", "b"):
        save(tmp_path / f"{name}.png")
    for data, words, wanted, answer in (
        (b"", ["-", "--out", "-"], 1, "standard input is empty"),
        (b"dear diary", ["-", "--out", "-"], 1, "standard input is no picture"),
        (huge_png(20000, 20000), ["-", "--out", "-"], 1, "89,478,485 pixels"),
        (b"", ["gone.png", "--out", "-"], 1, "gone.png"),
        (b"", ["folder", "--out", "-"], 1, "folder"),
        (b"", ["a.png", "b.png", "--out", "-"], 2, "exactly one input"),
        (b"", ["-", "a.png", "--out", "o"], 2, "exactly one input"),
    ):
        code, out, err = piped(data, "translate", run, *words)
        assert (code, out) == (wanted, b""), (words, err)
        assert answer in err
        assert len(err.splitlines()) == 1


def test_standard_input_into_a_folder(run: Path, piped: Any, tmp_path: Path) -> None:
    """It has no name to keep, so a folder cannot take it; the sentence must not speak of overwriting the folder."""
    data = save(tmp_path / "a.png").read_bytes()
    (tmp_path / "folder").mkdir()
    code, _, err = piped(data, "translate", run, "-", "--out", "folder")
    assert code in (1, 2)
    assert "--overwrite" not in err
