"""Files that are whole, and JSON that every reader takes."""

import errno
import json
import math
import os
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from judged import strict

from diptych import checkpoints
from diptych.errors import DiptychError, NoSpaceError, unwritten
from diptych.files import as_json, at_home, from_json, made_aside, named_in_utf8, part_of, read_text, vacant, write_text
from diptych.pictures import formats
from diptych.pictures.kinds import Kind
from diptych.translator.card import read_cards


def test_json_knows_null_and_no_nan() -> None:
    told = {"a": [1.5, math.nan, (math.inf, {"b": -math.inf})], "c": np.float64("nan"), "d": "NaN", "e": 3, "f": True}
    assert strict(as_json(told)) == {"a": [1.5, None, [None, {"b": None}]], "c": None, "d": "NaN", "e": 3, "f": True}
    whole = {"x": 0.1, "y": [None, "é"]}
    assert as_json(whole, indent=2) == json.dumps(whole, indent=2)
    with pytest.raises(TypeError):
        as_json({"a": object()})


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "", "nul", '{"a": 1', "\ufeff{}"])
def test_what_is_no_json_is_one_sort_of_error(text: str) -> None:
    """Strangers' nests too, on which Python's own reader ends otherwise."""
    with pytest.raises(ValueError, match=r"."):
        from_json(text)


def test_json_is_read() -> None:
    assert from_json('{"a": [1, 2.5, null]}') == from_json(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


def test_a_plain_name_stays(tmp_path: Path) -> None:
    with named_in_utf8(tmp_path / "\u65e5") as name:
        assert name == tmp_path / "\u65e5"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_utf8_is_linked_to(tmp_path: Path) -> None:
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.onnx"))
    place.write_bytes(b"content")
    with named_in_utf8(place) as name:
        assert str(name).encode().endswith(b".onnx")
        assert name.read_bytes() == b"content"
    assert not name.exists()
    assert place.read_bytes() == b"content"


def test_a_home_that_is_not_known_stays_as_it_was_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert at_home("~/a") == tmp_path / "a"
    assert at_home("~no_such_user_9/a") == Path("~no_such_user_9/a")
    assert at_home("a~/~") == Path("a~/~")


@pytest.mark.parametrize("name", ["model", "m.v2", "\u65e5" * 80, "a" * 255])
@pytest.mark.parametrize("there", [False, True])
def test_what_is_made_aside_comes_whole_or_not_at_all(name: str, there: bool, tmp_path: Path) -> None:
    """Into a folder that is there its files come, since it may be another disk; names may be as long as any."""
    place = tmp_path / name
    if there:
        place.mkdir()
    with suppress(KeyError), made_aside(place) as aside:
        aside.mkdir()
        (aside / "half").write_text("half")
        raise KeyError
    assert vacant(place)
    assert [path.name for path in tmp_path.iterdir()] == ([name] if there else [])
    with made_aside(place, last="b") as aside:
        aside.mkdir()
        (aside / "a").write_text("1")
        (aside / "b").write_text("2")
    assert sorted(path.name for path in place.iterdir()) == ["a", "b"]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert not vacant(place)


def test_a_second_maker_does_not_replace_the_first_s(tmp_path: Path) -> None:
    def second() -> None:
        with made_aside(tmp_path / "a.onnx") as aside:
            aside.write_text("second")
            (tmp_path / "a.onnx").write_text("first")

    with pytest.raises(DiptychError, match="made by another process meanwhile"):
        second()
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]
    assert (tmp_path / "a.onnx").read_text() == "first"


def test_what_a_killed_maker_left_is_removed(tmp_path: Path) -> None:
    """Beside the place and in it, a folder or a file; a living process's and another place's stay."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    place, other = tmp_path / "model", tmp_path / "other"
    place.mkdir()
    for one in (place, other):
        part_of(one, ended.pid).mkdir()
        (part_of(one, ended.pid) / "weights").write_text("half")
    (place / part_of(place, os.getpid()).name).mkdir()  # of a container's process of the same number
    living = part_of(place, os.getppid())
    living.mkdir()
    assert vacant(place)
    assert sorted(tmp_path.iterdir()) == sorted([place, part_of(other, ended.pid), living])
    assert list(place.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_pipes_and_devices_are_neither_read_nor_replaced(tmp_path: Path) -> None:
    """Reading a pipe would wait for ever, and a device would become a file."""
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    for attempt in (
        lambda: read_text(pipe),
        lambda: formats.read(pipe, Kind()),
        lambda: formats.probe(pipe),
        lambda: formats.write(pipe, np.zeros((2, 2, 3), np.uint8)),
        lambda: read_cards(pipe),
        lambda: checkpoints.load(pipe),
    ):
        with pytest.raises(DiptychError, match=r"pipe\.png is a pipe or a device; name a file\.$"):
            attempt()
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(DiptychError, match="/dev/null is a pipe or a device"):
        write_text(Path(os.devnull), "")


def test_room_is_asked_for_only_where_there_is_none() -> None:
    full, refused = (unwritten("a.png", OSError(code, "words")) for code in (errno.ENOSPC, errno.EACCES))
    assert str(full) == "a.png cannot be written: words; make room, or name another place that can be written to."
    assert str(refused) == "a.png cannot be written: words; name another place that can be written to."
    assert [isinstance(problem, NoSpaceError) for problem in (full, refused)] == [True, False]
