"""Downloads that are refused, wrong, or stopped by this machine."""

import errno
import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from web import ARCHIVE, Pauses, Server, assert_whole, contents, fetch, packed

from diptych.data.public import download
from diptych.errors import DiptychError


@pytest.mark.parametrize("code", ["404", "410", "403"])
def test_a_refusal_is_final(server: Server, tmp_path: Path, code: str) -> None:
    server.script = [code]
    with pytest.raises(DiptychError, match=rf"toy\.tar\.gz answers {code}"):
        fetch(server, tmp_path / "toy")
    assert len(server.ranges) == 1


def test_a_server_that_stays_busy(server: Server, tmp_path: Path) -> None:
    server.script = ["503"] * 50
    with pytest.raises(DiptychError, match=r"503 Service Unavailable.*0 bytes"):
        fetch(server, tmp_path / "toy")
    assert len(server.ranges) == download.ATTEMPTS


def test_nobody_there(server: Server, tmp_path: Path) -> None:
    address = server.address()
    server.server_close()
    pauses = Pauses()
    with pytest.raises(DiptychError, match="could not be fetched: the connection failed"):
        download.fetch(address, tmp_path / "toy", sleep=pauses)
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_a_web_page_in_place_of_the_file(server: Server, tmp_path: Path) -> None:
    server.script = ["page"]
    with pytest.raises(DiptychError, match="a web page"):
        fetch(server, tmp_path / "toy")
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")


def test_a_wrong_file_is_told_by_its_first_bytes(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="something else"):
        fetch(server, tmp_path / "toy", name="toy.zip")


def test_a_wrong_file_is_told_by_its_checksum(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=hashlib.sha256(ARCHIVE).hexdigest()) as problem:
        fetch(server, tmp_path / "toy", sha256="0" * 64)
    assert "0" * 64 in str(problem.value)
    assert contents(tmp_path).keys() <= {".toy.lock"}


def test_the_first_checksum_is_remembered(server: Server, tmp_path: Path) -> None:
    place = tmp_path / "toy"
    fetch(server, place)
    shutil.rmtree(place)
    fetch(server, place)
    shutil.rmtree(place)
    server.body = packed({"other": b"else"})
    with pytest.raises(DiptychError, match="is known for it"):
        fetch(server, place)


def test_a_file_that_does_not_fit(server: Server, tmp_path: Path) -> None:
    server.script = ["huge"]
    with pytest.raises(DiptychError, match=r"no room.*are needed.*DIPTYCH_CACHE"):
        fetch(server, tmp_path / "toy")


def test_a_disk_that_fills_on_the_way(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(download, "unpack", full)
        with pytest.raises(DiptychError, match="no room"):
            fetch(server, tmp_path / "toy")
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")
    assert len(server.ranges) == 1, "the archive had come and is used"


def test_a_place_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DiptychError, match="cannot be stored"):
        fetch(server, tmp_path / "file" / "toy")


def test_an_interrupt_leaves_a_part_to_go_on_from(server: Server, tmp_path: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if done > 60_000:
            raise KeyboardInterrupt

    server.script = ["cut 50000", "cut 40000"]
    with pytest.raises(KeyboardInterrupt):
        download.fetch(server.address(), tmp_path / "toy", progress=interrupt, sleep=Pauses())
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")
    assert server.ranges[1] == "bytes=50000-"
    assert int((server.ranges[2] or "").removeprefix("bytes=").rstrip("-")) > 60_000


def test_only_the_web(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="http"):
        download.fetch("file:///etc/hosts", tmp_path / "toy")


@pytest.mark.parametrize("address", ["http://a b/x.zip", "http://h/\u65e5.zip", "http://[/x.zip", "https://h/a\nb.zip"])
def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    pauses = Pauses()
    with pytest.raises(DiptychError, match="is no web address that can be asked"):
        download.fetch(address, tmp_path / "toy", sleep=pauses)
    assert pauses == []


@pytest.mark.parametrize(
    ("stated", "length"), [("12", 12), ("\xb2", -1), ("", -1), ("-1", -1), ("1e3", -1), ("9" * 5000, -1)]
)
def test_a_length_that_is_none(stated: str, length: int) -> None:
    answer: Any = SimpleNamespace(headers={"Content-Length": stated})
    assert download.Origin.of("http://h/a.zip", answer).length == length
