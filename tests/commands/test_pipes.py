"""``diptych translate`` through standard input and output."""

import io
import os
import subprocess
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("large", [False, True], ids=["kept in the buffer", "larger than the buffer"])
def test_a_result_that_standard_output_does_not_take(large: bool, run: Path, tmp_path: Path) -> None:
    save(tmp_path / "a.png", *((200, 300) if large else (20, 24)))
    command = [sys.executable, "-m", "diptych", "translate", str(run), "a.png", "--out", "-"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=120, check=False)
    assert done.returncode == 1
    said = [line for line in done.stderr.decode().splitlines() if line.startswith("diptych:")]
    words = "standard output cannot be written: No space left on device; make room, or send it elsewhere."
    assert said == [f"diptych: {words}"]
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_limit_on_the_size_of_files_is_named(run: Path, tmp_path: Path) -> None:
    save(tmp_path / "a.png", 200, 300)
    limited = 'ulimit -f 8; exec "$0" -m diptych translate "$@"'
    for out in ("out", "-"):
        command = ["sh", "-c", limited, sys.executable, str(run), "a.png", "--size", "own", "--out", out]
        with open(tmp_path / "result.png", "wb") as result:
            done = subprocess.run(command, stdout=result, stderr=subprocess.PIPE, timeout=120, check=False)
        assert done.returncode == 1
        assert b"cannot be written: File too large; a limit on the size of files is in force (ulimit -f" in done.stderr
        assert b"so raise it." in done.stderr
        assert b"another place" not in done.stderr
