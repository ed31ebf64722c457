"""A service that runs while a test asks it."""

import threading
import time

from diptych.serving.service.app import Service, create_app
from diptych.serving.service.uvicorn_server import bind_socket, make_server


class running:
    """A service under its own server in a thread of its own."""

    def __init__(self, service: Service) -> None:
        self.place = bind_socket("127.0.0.1", 0)
        self.port = self.place.getsockname()[1]
        self.server = make_server(create_app(service), service.limits)
        self.thread = threading.Thread(target=self.server.run, args=([self.place],), daemon=True)

    def __enter__(self) -> str:
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.02)
        return f"http://127.0.0.1:{self.port}/"

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)
