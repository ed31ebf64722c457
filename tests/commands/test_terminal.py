"""What is printed: names of files are not obeyed, and a terminal that is gone stops nothing."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commanding import Typed, refused, tiny_words

from diptych.commands.terminal import ERASE_LINE, Terminal, printable


def diptych(*words: str | bytes | Path, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[bytes]":
    line = [sys.executable, "-m", "diptych", *words]
    return subprocess.run(line, capture_output=True, timeout=120, check=False, env=env)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain Ünïcode 数据.png", "plain Ünïcode 数据.png"),
        ("a\x1b[31mred\x1b]0;title\x07", r"a\x1b[31mred\x1b]0;title\x07"),
        ("back\rward\b\x9b2J", r"back\rward\x08\x9b2J"),
        ("gpj\u202e.exe\u2066", r"gpj\u202e.exe\u2066"),
        (os.fsdecode(b"caf\xe9.png"), r"caf\xe9.png"),
    ],
)
def test_what_a_terminal_would_follow_is_spelt_out(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_a_progress_line_still_erases_itself() -> None:
    seen = io.StringIO()
    Terminal(seen).write(f"{ERASE_LINE}step 1 of \x1b[2J.png\n")
    assert seen.getvalue() == f"{ERASE_LINE}step 1 of \\x1b[2J.png\n"


class Gone(io.StringIO):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))


def test_a_stream_that_fails_is_given_up() -> None:
    for number, full in ((errno.EIO, False), (errno.EPIPE, False), (errno.ENOSPC, True), (errno.EFBIG, True)):
        terminal = Terminal(Gone(number))
        assert terminal.write("words") == 5
        terminal.flush()
        assert (terminal.lost, terminal.problem is not None, terminal.isatty()) == (True, full, False)
    nobody = Terminal(None)
    nobody.write("words")
    nobody.flush()
    with pytest.raises(OSError, match="standard output is closed"):
        _ = nobody.buffer


@pytest.mark.slow
def test_a_narrow_encoding_and_a_closed_output_stop_no_training(tmp_path: Path, toy_pairs: Path) -> None:
    there = toy_pairs.rename(tmp_path / "数据")
    done = diptych(
        "train", "pix2pix", *tiny_words(there), "--out", "run", env={**os.environ, "PYTHONIOENCODING": "cp1252"}
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    line = f'exec "$0" -m diptych train pix2pix {" ".join(tiny_words(there))} --out closed >&- 2>&-'
    assert subprocess.run(["sh", "-c", line, sys.executable], timeout=120, check=False).returncode == 0
    assert (tmp_path / "closed" / "checkpoints" / "00000006.safetensors").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_what_is_cut_off_by_a_full_disk_is_said() -> None:
    for words in ("recipes", "--help", "--version"):
        with open("/dev/full", "wb") as full:
            line = [sys.executable, "-m", "diptych", words]
            done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
        assert done.returncode == 1
        assert b"what was to be printed is cut off: standard output cannot be written: No space left" in done.stderr


def test_lines_leave_one_by_one_also_into_a_pipe() -> None:
    """Else the progress of minutes lies in a buffer."""
    script = "from diptych.commands.terminal import protect_output as p; p(); print('step 1'); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"step 1\n"  # while it waits
        process.communicate(b"\n", timeout=60)


def test_names_that_are_no_utf8_are_named_in_a_sentence() -> None:
    done = diptych("train", b"caf\xe9")
    assert done.returncode == 2
    assert rb'"caf\xe9"' in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_overrides_are_what_was_typed_where_a_text_is_wanted(typed: Typed) -> None:
    for name in ("2024_01_15", "2024-01-15", "1.0", "2024#1", "true", "[1]", "0x10"):
        said = typed("train", "pix2pix", *tiny_words(Path(name)), "--out", "run")
        refused(said, 1, name)


NOBODY = """
import os, pwd, sys

def unknown(*_):
    raise KeyError("uid not found")

pwd.getpwuid = pwd.getpwnam = unknown
for name in ("HOME", "DIPTYCH_CACHE", "XDG_CACHE_HOME"):
    os.environ.pop(name, None)
sys.argv[0] = "diptych"
from diptych.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows every user's home")
def test_a_user_whom_the_system_does_not_know(tmp_path: Path) -> None:
    """As in a container that is started under a number: sets are listed, and a home is named as missing."""

    def called(*words: str) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-c", NOBODY, *words]
        return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)

    listed = called("data", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "facades" in listed.stdout
    checked = called("data", "check", "~/pictures")
    assert (checked.returncode, checked.stderr.count("\n")) == (1, 1)
    assert '"~/pictures"' in checked.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that somebody is in")
def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); from diptych.cli import main; main()"
    found = subprocess.run([sys.executable, "-c", code, "recipes"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (
        1,
        "diptych: the folder that you are in was removed; change to another.\n",
    )


def test_help_in_a_column_comes_to_an_end() -> None:
    narrow = diptych("train", "--help", env={**os.environ, "COLUMNS": "1"})
    assert narrow.returncode == 0
    assert b"RECIPE" in narrow.stdout
