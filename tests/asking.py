"""What a test asks a service, and what it looks for in the answer."""

import io
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import torch
from PIL import Image
from torch import nn

from diptych.pictures.kinds import Kind
from diptych.serving.service.listing import Offer
from diptych.translator.card import Card
from diptych.translator.translator import Translator

Serve = Callable[..., httpx.Client]
RNG = np.random.default_rng(0)


class Inverted(nn.Module):
    """Every value with the other sign; notes the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, ...]] = []

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        self.batches.append(tuple(source.shape))
        return -source.float()[:, :3]


class Held(Inverted):
    """Waits in the middle of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.began = threading.Event(), threading.Event()

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        self.began.set()
        assert self.go.wait(20)
        return super().forward(source)


def offer(name: str, network: nn.Module, source: Kind | None = None, target: Kind | None = None, **more: Any) -> Offer:
    """A translator around the network."""
    card = Card(
        "a-to-b",
        "generator",
        "unet",
        {},
        source or Kind(),
        target or Kind(),
        more.pop("multiple", 1),
        (16, 16),
        scale=more.pop("scale", 1),
    )
    return Offer(name, Translator(network, card), **more)


def pixels(height: int = 16, width: int = 20, dtype: Any = np.uint8) -> np.ndarray:
    """Smooth enough for JPEG."""
    rough = RNG.integers(0, np.iinfo(dtype).max, (2, 2, 3), dtype=dtype)
    return rough.repeat(-(-height // 2), axis=0).repeat(-(-width // 2), axis=1)[:height, :width]


def picture(array: np.ndarray | None = None, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels() if array is None else array).save(file, form, **options)
    return file.getvalue()


def opened(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def refused(answer: httpx.Response, status: int, *words: str) -> None:
    """Problem details of one sentence that holds the words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told.keys() == {"type", "title", "status", "detail"}
    assert told["status"] == status
    assert told["detail"].endswith(".")
    assert "\n" not in told["detail"]
    for word in words:
        assert word in told["detail"], told["detail"]


def until(true: Callable[[], Any], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


class Wire:
    """A connection on which anything may be said."""

    def __init__(self, client: httpx.Client) -> None:
        place = urlsplit(str(client.base_url))
        assert place.hostname
        assert place.port
        self.socket = socket.create_connection((place.hostname, place.port), timeout=20)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, words: bytes) -> None:
        self.socket.sendall(words)

    def heard(self) -> bytes:
        """All until the other side closes."""
        parts = []
        try:
            while part := self.socket.recv(65536):
                parts.append(part)
        except ConnectionError:
            pass
        return b"".join(parts)
