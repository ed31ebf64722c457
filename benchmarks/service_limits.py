"""What a service owes to small requests and monitors while others ask too much of it, on loopback.

Usage: python benchmarks/service_limits.py [--run RUN] [--seconds 10] [--side 256] [--large 3999]

Small pictures alone and beside a large one; /health while 260 clients upload slowly and while 520 connections lie idle; memory
before, during and after; and pictures a second at 1, 8 and 64 connections, with what a picture takes of a processor: the
cores divided by it bound them. Only that and ratios carry from a busy machine to another. Without --run it is a U-Net of the
demo's size with random weights, which takes pictures as they are.
"""

import argparse
import http.client
import io
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._service import Service, served, untrained

CONNECTIONS = (1, 8, 64)
SLOW, IDLE = 260, 520


def png(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), "white").save(file, "PNG")
    return file.getvalue()


class Client:
    """One connection, kept."""

    def __init__(self, service: Service) -> None:
        place = urlsplit(service.address)
        self.wire = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
        self.post = f"/translate/{service.name}"

    def ask(self, body: bytes | None = None, address: str = "/health") -> tuple[int, float]:
        """(status, seconds) of a picture, or of an address."""
        began = time.perf_counter()
        kind = {"Content-Type": "image/png"} if body else {}
        self.wire.request("POST" if body else "GET", self.post if body else address, body, kind)
        answer = self.wire.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - began


def processor(service: Service) -> float:
    """Seconds of it that the service has had."""
    fields = Path(f"/proc/{service.process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(service: Service, connections: int, seconds: float, body: bytes) -> tuple[str, ...]:
    """A row: connections, pictures a second, median and worst ms, other answers, processor ms a picture."""
    end, took, others = time.monotonic() + seconds, list[float](), list[int]()

    def client() -> None:
        one = Client(service)
        while time.monotonic() < end:
            status, waited = one.ask(body)
            took.append(waited) if status == 200 else others.append(status)

    had, began = processor(service), time.monotonic()
    threads = [threading.Thread(target=client) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lasted = time.monotonic() - began
    each = (processor(service) - had) / len(took) * 1000
    times = (statistics.median(took) * 1000, max(took) * 1000)
    told = ", ".join(f"{others.count(status)} x {status}" for status in sorted(set(others))) or "none"
    return str(connections), f"{len(took) / lasted:.1f}", *(f"{one:.0f}" for one in times), told, f"{each:.0f}"


def beside(service: Service, small: bytes, large: bytes) -> list[str]:
    """Small pictures alone, then beside a large one."""
    client = Client(service)
    alone = [client.ask(small)[1] for _ in range(20)][5:]
    before, peak, during, health = service.megabytes(), 0.0, list[float](), list[float]()
    with ThreadPoolExecutor(1) as pool:
        asked: Future[tuple[int, float]] = pool.submit(Client(service).ask, large)
        time.sleep(0.5)
        while not asked.done():
            during.append(client.ask(small)[1])
            health.append(client.ask()[1])
            peak = max(peak, service.megabytes())
            time.sleep(0.1)
    status, seconds = asked.result()
    time.sleep(3)
    times = f"{statistics.median(during):.3f} s, worst {max(during):.3f}" if during else "none came"
    return [
        f"small ones alone: median {statistics.median(alone):.3f} s, worst {max(alone):.3f}",
        f"beside a large one ({status} after {seconds:.1f} s): median {times}; /health worst {max(health, default=0):.3f} s",
        f"memory before {before:.0f} MB, most {peak:.0f}, 3 s after {service.megabytes():.0f}",
    ]


def monitored(service: Service, count: int, words: bytes) -> str:
    """/health, /ready and /metrics while so many others have said that and no more."""
    place = urlsplit(service.address)
    others = [socket.create_connection((place.hostname or "", place.port or 0)) for _ in range(count)]
    try:
        for other in others:
            other.sendall(words)
        time.sleep(1)
        found = [Client(service).ask(address=address) for address in ("/health", "/ready", "/metrics")]
        return f"{', '.join(str(status) for status, _ in found)}, worst {max(seconds for _, seconds in found):.3f} s"
    finally:
        for other in others:
            other.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--large", type=int, default=3999)
    arguments = parser.parse_args()
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as folder:
        place = arguments.run or untrained(Path(folder), 128, width=32, depth=7)
        with served(place) as service:
            for line in beside(service, png(arguments.side), png(arguments.large)):
                console.print(line)
            head = f"POST /translate/{service.name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nx".encode()
            console.print(f"monitors beside {SLOW} slow uploads: {monitored(service, SLOW, head)}")
            time.sleep(1)
            console.print(f"monitors beside {IDLE} idle connections: {monitored(service, IDLE, b'')}")
            table = Table(
                "connections", "pictures/s", "median ms", "worst ms", "other answers", "processor ms a picture"
            )
            for connections in CONNECTIONS:
                table.add_row(*load(service, connections, arguments.seconds, png(arguments.side)))
            console.print(table)


if __name__ == "__main__":
    main()
