"""Downloads against a real server on loopback that does what servers do: cut, truncate, lie, refuse, change."""

import errno
import hashlib
import io
import json
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from diptych.data import download
from diptych.errors import DiptychError


def packed(files: dict[str, bytes], kind: str = "tar.gz") -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive_:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive_.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def noise(size: int, seed: int = 0) -> bytes:
    blocks = (hashlib.sha256(f"{seed} {index}".encode()).digest() for index in range(size // 32 + 1))
    return b"".join(blocks)[:size]


FILES = {"toy/train/1.jpg": noise(150_000), "toy/train/2.jpg": noise(50_000, 1), "toy/val/1.jpg": noise(9)}
ARCHIVE = packed(FILES)


class Server(ThreadingHTTPServer):
    """Serves one file; each request takes the next word of ``script`` ("" or none left: as it should be)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = ARCHIVE
        self.tag = '"one"'
        self.changed = ""
        self.script: list[str] = []
        self.ranges: list[str | None] = []

    def address(self, name: str = "toy.tar.gz") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        server = self.server
        word = server.script.pop(0) if server.script else ""
        server.ranges.append(self.headers.get("Range"))
        self.close_connection = True
        if word.isdigit():
            self.send_response(int(word))
            self.send_header("Retry-After", "7")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body, start, status = server.body, 0, 200
        unchanged = self.headers.get("If-Range") in (server.tag, server.changed)
        wanted = self.headers.get("Range")
        if wanted and unchanged and word != "ignore range":
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
        if word == "page":
            body, status, start = b"<!DOCTYPE html><title>Not here</title>", 200, 0
        piece = body[start:]
        longer = {"claim more": 1000, "claim less": -70_000, "huge": 1 << 60}.get(word, 0)
        self.send_response(status)
        if status == 206:
            first = start + 5 if word == "wrong piece" else start
            self.send_header("Content-Range", f"bytes {first}-{len(body) + longer - 1}/{len(body) + longer}")
        if server.tag:
            self.send_header("ETag", server.tag)
        if server.changed:
            self.send_header("Last-Modified", server.changed)
        if word == "chunked cut":
            self.send_header("Transfer-Encoding", "chunked")
        elif word != "no length":
            self.send_header("Content-Length", str(len(piece) + longer))
        self.end_headers()
        if word == "chunked cut":
            self.wfile.write(b"10000\r\n" + piece[:30_000])
        elif word.startswith("cut"):
            self.wfile.write(piece[: int(word.removeprefix("cut "))])
        else:
            self.wfile.write(piece[:-70_000] if word == "claim less" else piece)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Pauses(list[float]):
    """Stands in for time.sleep."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def fetch(server: Server, place: Path, sha256: str = "", name: str = "toy.tar.gz") -> Pauses:
    pauses = Pauses()
    assert download.fetch(server.address(name), place, sha256, sleep=pauses) == place
    return pauses


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != download.SOURCE_FILE)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def assert_whole(place: Path) -> None:
    assert contents(place) == {name.removeprefix("toy/"): data for name, data in FILES.items()}
    left = {path.name for path in place.parent.iterdir()} - {f".{place.name}.lock"}
    assert left == {place.name, f"{place.name}.sha256"}


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_good_server(server: Server, tmp_path: Path, kind: str) -> None:
    server.body = packed(FILES, kind)
    digest = hashlib.sha256(server.body).hexdigest()
    seen: list[tuple[str, int, int]] = []
    address = server.address(f"toy.{kind}")
    place = download.fetch(address, tmp_path / "deep" / "toy", digest, lambda *told: seen.append(told))
    assert_whole(place)
    assert json.loads((place / download.SOURCE_FILE).read_text()) == {"address": address, "sha256": digest}
    assert download.remembered(place) == digest
    size = len(server.body)
    assert [told for told in seen if told[0] == "downloading"][-1] == ("downloading", size, size)
    assert any(told[0] == "unpacking" for told in seen)
    assert all(0 < done <= total for _, done, total in seen)
    download.fetch(address, place)
    assert len(server.ranges) == 1, "a finished folder asks no server"


def test_a_connection_cut_again_and_again_is_gone_on_from(server: Server, tmp_path: Path) -> None:
    server.script = ["cut 60000", "cut 1", "cut 0", "503", "cut 50000"]
    pauses = fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")
    assert server.ranges == [None, "bytes=60000-", "bytes=60001-", "bytes=60001-", "bytes=60001-", "bytes=110001-"]
    assert pauses == [1.0, 1.0, 2.0, 7.0, 1.0], "longer with each attempt that won nothing, or what the server asks for"


def test_a_date_serves_where_there_is_no_tag(server: Server, tmp_path: Path) -> None:
    server.tag, server.changed, server.script = 'W/"weak"', "Mon, 06 Oct 2014 10:00:00 GMT", ["cut 60000"]
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")
    assert server.ranges == [None, "bytes=60000-"]


def test_without_tag_and_date_one_begins_anew(server: Server, tmp_path: Path) -> None:
    server.tag, server.script = "", ["cut 60000"]
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")
    assert server.ranges == [None, None]


@pytest.mark.parametrize("word", ["ignore range", "wrong piece", "chunked cut"])
def test_a_server_that_does_not_do_as_asked(server: Server, tmp_path: Path, word: str) -> None:
    server.script = ["cut 60000", word]
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")


def test_a_file_without_a_length(server: Server, tmp_path: Path) -> None:
    server.script = ["no length"]
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")


def test_a_changed_file_is_not_glued_to_the_old_one(server: Server, tmp_path: Path) -> None:
    server.script = ["cut 60000", "404"]
    with pytest.raises(DiptychError, match="404"):
        fetch(server, tmp_path / "toy")
    other = {"toy/train/1.jpg": noise(170_000, 5)}
    server.body, server.tag = packed(other), '"two"'
    fetch(server, tmp_path / "toy")
    assert contents(tmp_path / "toy") == {"train/1.jpg": other["toy/train/1.jpg"]}
    assert server.ranges == [None, "bytes=60000-", "bytes=60000-"]


def test_a_part_longer_than_the_file_is_dropped(server: Server, tmp_path: Path) -> None:
    place = tmp_path / "toy"
    place.with_name("toy.archive.part").write_bytes(ARCHIVE + b"more")
    notes = {"address": server.address(), "tag": server.tag, "length": len(ARCHIVE) + 9}
    place.with_name("toy.archive.json").write_text(json.dumps(notes))
    server.script = ["416"]
    fetch(server, place)
    assert_whole(place)


@pytest.mark.parametrize("notes", ["{", "[]", '{"address": 3}', '{"no": "field"}'])
def test_notes_that_say_nothing_are_not_believed(server: Server, tmp_path: Path, notes: str) -> None:
    (tmp_path / "toy.archive.part").write_bytes(b"rubbish")
    (tmp_path / "toy.archive.json").write_text(notes)
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")


def test_a_length_that_is_never_reached_comes_to_an_end(server: Server, tmp_path: Path) -> None:
    server.script = ["claim more"] * 20
    with pytest.raises(DiptychError, match=r"ended after .* bytes.*kept") as problem:
        fetch(server, tmp_path / "toy")
    assert f"{len(ARCHIVE):,} of {len(ARCHIVE) + 1000:,}" in str(problem.value)
    assert len(server.ranges) == download.ATTEMPTS
    assert not (tmp_path / "toy").exists()


def test_a_byte_at_a_time_comes_to_an_end(server: Server, tmp_path: Path) -> None:
    server.script = ["cut 1"] * 1000
    with pytest.raises(DiptychError, match="100 bytes have come"):
        fetch(server, tmp_path / "toy")


def test_a_truncated_file_of_a_believable_length_is_found_damaged(server: Server, tmp_path: Path) -> None:
    server.script = ["claim less"]
    with pytest.raises(DiptychError, match=r"damaged.*fetches it anew"):
        fetch(server, tmp_path / "toy")
    assert contents(tmp_path).keys() <= {".toy.lock"}
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")


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
