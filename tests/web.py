"""A server on this machine that misbehaves as it is told to."""

import hashlib
import io
import tarfile
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from diptych.data.public import download


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
