"""What a service holds in memory for its clients: each file once, each body once, and a piece for whoever does not read."""

import asyncio
import hashlib
import tracemalloc
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from asking import RNG, Inverted, Serve, Wire, offer, refused
from fastapi import Request

from diptych.serving.page.browser_model import BrowserModel
from diptych.serving.page.routes import PageRoutes
from diptych.serving.page.streaming import CHUNK, FileSlice, InMemoryFile
from diptych.serving.service.limits import Limits
from diptych.serving.service.request_body import BodyReader

SIZE = 3 * CHUNK + 17


def network(folder: Path) -> tuple[bytes, BrowserModel]:
    """One of two parts, of which the second is small."""
    data = RNG.integers(0, 256, SIZE + 5, dtype=np.uint8).tobytes()
    file = folder / "network.onnx"
    file.write_bytes(data)
    return data, BrowserModel(
        {"parts": []}, {"model.onnx.000": FileSlice(file, 0, SIZE), "model.onnx.001": FileSlice(file, SIZE, 5)}
    )


def test_a_network_comes_in_pieces_whole(serve: Serve, tmp_path: Path) -> None:
    data, parts = network(tmp_path)
    client = serve({"drawn": offer("drawn", Inverted(), browser=parts)})
    first = client.get("/models/drawn/model.onnx.000")
    assert first.content + client.get("/models/drawn/model.onnx.001").content == data
    assert first.headers["content-length"] == str(SIZE)
    head = client.head("/models/drawn/model.onnx.000")
    assert (head.content, head.headers["content-length"], head.headers["etag"]) == (
        b"",
        str(SIZE),
        first.headers["etag"],
    )
    known = client.get("/models/drawn/model.onnx.000", headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    (tmp_path / "network.onnx").unlink()
    refused(client.get("/models/drawn/model.onnx.000"), 404, "no longer there")


def test_a_network_that_is_cut_off_meanwhile_is_no_whole_answer(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve({"drawn": offer("drawn", Inverted(), browser=network(tmp_path)[1])})
    assert client.get("/models/drawn/model.onnx.000").status_code == 200
    with open(tmp_path / "network.onnx", "r+b") as file:
        file.truncate(2 * CHUNK)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/models/drawn/model.onnx.000")
    assert client.get("/health").status_code == 200


def test_files_are_read_and_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads, hashes = [], []
    sha256 = hashlib.sha256

    def read() -> bytes:
        reads.append(1)
        return bytes(10)

    def hashed(data: bytes) -> Any:
        hashes.append(1)
        return sha256(data)

    monkeypatch.setattr(hashlib, "sha256", hashed)
    whole = InMemoryFile(read)
    found = {(whole.etag, whole.read(0, 99), whole.size) for _ in range(3)}
    assert (len(found), len(reads), len(hashes)) == (1, 1, 1)
    assert whole.data is whole.data
    pages = PageRoutes([], browser=True)
    assert pages.files[""] is pages.files["index.html"]


def test_clients_that_do_not_read_hold_a_piece_each(serve: Serve) -> None:
    large = bytes(16_000_000)
    client = serve({"inverted": offer("inverted", Inverted(), examples=[large])})
    client.head("/examples/inverted/0.png")
    wires = [Wire(client) for _ in range(8)]
    tracemalloc.start()
    try:
        for wire in wires:
            wire.say(b"GET /examples/inverted/0.png HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            assert wire.socket.recv(15) == b"HTTP/1.1 200 OK"
        assert client.get("/health").status_code == 200
        assert tracemalloc.get_traced_memory()[1] < len(large)  # which eight copies are far beyond
        assert len(wires[0].heard()) > len(large)  # and who reads late gets it all
    finally:
        tracemalloc.stop()
        for wire in wires:
            wire.socket.close()


@pytest.mark.parametrize("form", [False, True])
def test_a_body_lies_there_once(form: bool) -> None:
    part, count = 1_000_000, 12
    head = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="p"\r\n\r\n' if form else b""
    tail = b"\r\n--x--\r\n" if form else b""
    chunks = iter([head, *(b"%d" % (number % 10) for number in range(count)), tail])

    async def receive() -> Any:
        found = next(chunks, None)
        body = found * part if found and len(found) == 1 else found or b""
        return {"type": "http.request", "body": body, "more_body": found is not None}

    kind = b"multipart/form-data; boundary=x" if form else b"image/png"
    request = Request({"type": "http", "method": "POST", "headers": [(b"content-type", kind)]}, receive)

    async def held() -> int:
        bodies = BodyReader()
        async with bodies.read(request, Limits()) as files:
            assert len(files["picture"]) == part * count
            assert bodies.held == part * count + len(head) + len(tail)
            lies = tracemalloc.get_traced_memory()[0]
        assert bodies.held == 0
        return lies

    tracemalloc.start()
    try:
        assert asyncio.run(held()) < 1.5 * part * count
    finally:
        tracemalloc.stop()
