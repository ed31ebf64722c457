"""A plain web server over a folder, which knows no ranges and misbehaves as it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Shelf(ThreadingHTTPServer):
    """Each request takes the next word of ``script``: "" as it should be, a status, or "cut"."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.script: list[str] = []
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def shards(self) -> list[str]:
        """The tars that were asked for."""
        return [name for name in self.asked if name.endswith(".tar")]


class Handler(SimpleHTTPRequestHandler):
    server: Shelf

    def __init__(self, request: Any, client_address: Any, server: Shelf) -> None:
        super().__init__(request, client_address, server, directory=str(server.folder))

    def do_GET(self) -> None:
        self.server.asked.append(self.path.rsplit("/", 1)[-1])
        word = self.server.script.pop(0) if self.server.script else ""
        if word.isdigit():
            self.send_error(int(word))
        elif word == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[Shelf]:
    with Shelf(folder) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()
