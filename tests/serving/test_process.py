"""``diptych serve`` as a process of its own: where it listens, what it says, how it stops."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from asking import Wire, opened, picture, until
from commanding import Typed, refused
from toys import draw_pairs, run_to_end, tiny_recipe

Started = Callable[..., "Process"]


class Process:
    """A service, with what it said."""

    def __init__(self, cache: Path, *words: str, **environment: str) -> None:
        command = [
            sys.executable,
            "-m",
            "diptych.cli",
            "serve",
            "--port",
            "0",
            "--engine",
            "torch",
            "--no-browser",
            *words,
        ]
        told = {**os.environ, "DIPTYCH_CACHE": str(cache), "OMP_NUM_THREADS": "1", **environment}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=told)
        self.out: list[str] = []
        self.err: list[str] = []
        self.readers = [threading.Thread(target=self.read, args=pair) for pair in ((1, self.out), (2, self.err))]
        for reader in self.readers:
            reader.start()
        until(lambda: any("Serving on" in line for line in self.out) or self.process.poll() is not None, 60)
        address = re.search(r"http://\S+", "".join(self.out))
        assert address, self.err
        self.client = httpx.Client(base_url=address[0], timeout=20, trust_env=False)

    def read(self, number: int, into: list[str]) -> None:
        stream = self.process.stdout if number == 1 else self.process.stderr
        assert stream
        into.extend(iter(stream.readline, ""))
        stream.close()

    def end(self, how: signal.Signals | None = signal.SIGKILL) -> int:
        if how is not None and self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(40)
        for reader in self.readers:
            reader.join(10)
        self.client.close()
        return code


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("served")
    return run_to_end(tiny_recipe("pix2pix", draw_pairs(place / "pairs")), place / "drawn")[0].folder


@pytest.fixture
def start(run: Path, tmp_path: Path) -> Iterator[Started]:
    started: list[Process] = []

    def start(*words: str, **environment: str) -> Process:
        started.append(Process(tmp_path / "cache" / "data", str(run), *words, **environment))
        return started[-1]

    yield start
    for process in started:
        process.end()


@pytest.mark.slow
def test_what_was_accepted_is_answered_after_it_was_asked_to_stop(start: Started) -> None:
    process = start()
    data = picture()
    with Wire(process.client) as wire, Wire(process.client) as idle:
        wire.say(b"POST /translate/drawn HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n")
        wire.say(b"Content-Length: %d\r\n\r\n" % len(data) + data[:50])
        process.client.get("/health")  # by now the first has been accepted
        process.process.send_signal(signal.SIGTERM)
        assert idle.heard() == b""
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{process.client.base_url}/health", trust_env=False)
        wire.say(data[50:])
        assert b"HTTP/1.1 200 OK" in wire.heard()
    assert process.end(None) == 0
    lines = [json.loads(line) for line in process.err]
    assert [line["route"] for line in lines if line.get("status") == 200] == ["/health", "/translate"]


@pytest.mark.slow
def test_it_ends_at_once_when_it_is_asked_to_while_it_prepares(run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "diptych.cli", "serve", "--port", "0", "--engine", "onnx", str(run)]
    told = {**os.environ, "DIPTYCH_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=told)
    assert process.stdout
    assert "Preparing" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    # No signal's default action, which the first process of a container lacks.
    assert (process.returncode, out, err) == (143, "", "")
    assert not list(tmp_path.rglob("*.onnx*"))


@pytest.mark.slow
def test_it_serves_this_machine_alone_and_stops_at_a_key(start: Started) -> None:
    process = start(DIPTYCH_TOKEN="opensesame")
    port = process.client.base_url.port
    assert process.client.base_url.host == "127.0.0.1"
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.2", int(port or 0)), timeout=5)  # which 0.0.0.0 would answer
    assert process.client.post("/translate/drawn", content=picture()).status_code == 401
    known = {"Authorization": "Bearer opensesame"}
    assert opened(process.client.post("/translate/drawn", content=picture(), headers=known)).shape == (16, 20, 3)
    assert "token" not in "".join(process.out)
    assert process.end(signal.SIGINT) == 0
    assert "opensesame" not in "".join(process.out + process.err)


def test_an_address_that_cannot_be_served_on(run: Path, typed: Typed) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(typed("serve", run, "--port", port), 1, f"127.0.0.1:{port}", "choose another --port or --host")
    refused(typed("serve", run, "--host", "no.such.host.invalid"), 1, "no.such.host.invalid")


def test_words_that_make_no_sense(run: Path, typed: Typed, tmp_path: Path) -> None:
    refused(typed("serve", run, "--port", 70000), 2, "below 65536")
    refused(typed("serve", run, "--queue", 0), 2, "must be positive")
    refused(typed("serve", tmp_path / "nothing", "--port", 0), 1, "is no folder")
