"""Large pictures have a lane of their own: small ones pass them, and nothing is computed for nobody."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from asking import Held, Inverted, Serve, Wire, offer, opened, picture, pixels, refused, until
from prometheus_client.parser import text_string_to_metric_families

from diptych.machine.interrupts import StoppedError
from diptych.pictures import codecs
from diptych.pictures.kinds import Kind

LARGE = pixels(40, 40)
LIMITS: dict[str, Any] = {"large_pixels": 1000}


class Endless(Inverted):
    """Computes on pictures of 40x40 until it is stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.stopped = threading.Event(), threading.Event()

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        if source.shape[-1] != 40:
            return super().forward(source)
        self.began.set()
        try:
            while True:
                source = source * 1
        except StoppedError:
            self.stopped.set()
            raise


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as found:
        yield found


def test_a_large_picture_comes_out_as_a_small_one_does(serve: Serve) -> None:
    np.testing.assert_array_equal(
        opened(serve(**LIMITS).post("/translate/inverted", content=picture(LARGE))), 255 - LARGE
    )


def test_small_pictures_pass_a_large_one(serve: Serve, beside: ThreadPoolExecutor) -> None:
    endless = Endless()
    client = serve({"endless": endless}, seconds=3, **LIMITS)
    large = beside.submit(client.post, "/translate/endless", content=picture(LARGE))
    assert endless.began.wait(10)
    for _ in range(5):
        given = pixels()
        np.testing.assert_array_equal(opened(client.post("/translate/endless", content=picture(given))), 255 - given)
    assert not large.done()
    refused(large.result(), 413, "longer than 3 s; make the picture smaller")
    assert endless.stopped.wait(10)


def test_whoever_goes_leaves_no_work(serve: Serve) -> None:
    endless = Endless()
    client = serve({"endless": endless}, **LIMITS)
    body = picture(LARGE)
    with Wire(client) as wire:
        wire.say(b"POST /translate/endless HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        assert endless.began.wait(10)
        assert not endless.stopped.is_set()
    assert endless.stopped.wait(10)
    until(lambda: 'route="/translate",status="499",translator="endless"' in client.get("/metrics").text)


def test_whoever_goes_leaves_the_queue(serve: Serve, held: Held, beside: ThreadPoolExecutor) -> None:
    client = serve({"held": held})
    first = beside.submit(client.post, "/translate/held", content=picture())
    assert held.began.wait(10)
    body = picture(pixels(10, 10))
    with Wire(client) as wire:
        wire.say(b"POST /translate/held HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        until(lambda: client.get("/health").json()["waiting"] == 1)
    until(lambda: 'status="499"' in client.get("/metrics").text)
    held.go.set()
    assert first.result().status_code == 200
    assert client.post("/translate/held", content=picture()).status_code == 200
    assert {shape[2:] for shape in held.batches} == {(16, 20)}


def test_large_pictures_are_bounded_before_they_are_decoded(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, decoded = codecs.decode, list[Any]()

    def counted(*given: Any, **more: Any) -> Any:
        decoded.append(given)
        return decode(*given, **more)

    monkeypatch.setattr("diptych.pictures.codecs.decode", counted)
    endless, body = Endless(), picture(LARGE)
    client = serve({"endless": endless}, pixels_at_once=3000, **LIMITS)
    with Wire(client) as wire:
        wire.say(b"POST /translate/endless HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        assert endless.began.wait(10)
        for _ in range(3):
            refused(client.post("/translate/endless", content=body), 503, "try again")
        assert len(decoded) == 1
        assert client.post("/translate/endless", content=picture()).status_code == 200
    assert endless.stopped.wait(10)


def test_large_is_what_the_network_or_the_counterpart_makes_so(serve: Serve, held: Held) -> None:
    """Work is counted after the picture is filled up, and enlarged; the batches of small ones do not see it."""
    held.go.set()
    client = serve(
        {"padded": offer("padded", Inverted(), multiple=64), "larger": offer("larger", Inverted(), scale=2)}, **LIMITS
    )
    for name in ("padded", "larger"):
        client.post(f"/translate/{name}", content=picture(pixels(16, 16)))
    told = client.get("/metrics").text
    counts = {
        sample.labels["translator"]: sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if sample.name == "diptych_large_total"
    }
    assert counts == {"padded": 1, "larger": 1}


def test_a_photo_without_a_hole_is_refused_as_by_the_command(serve: Serve) -> None:
    holed = Kind("holed")
    client = serve({"filled": offer("filled", Inverted(), holed)})
    given = pixels()
    refused(client.post("/translate/filled", content=picture(given)), 422, "has no hole to fill", "picture and mask")
    opaque = np.full((16, 20), 0, dtype=np.uint8)
    files = {"picture": picture(given), "mask": picture(opaque)}
    refused(client.post("/translate/filled", files=files), 422, "the mask marks no hole")
    opaque[4:8, 4:8] = 255
    files["mask"] = picture(opaque)
    filled = opened(client.post("/translate/filled", files=files))
    known = opaque == 0
    np.testing.assert_array_equal(filled[known], 255 - given[known])
    files["mask"] = picture(opaque[:8])
    refused(client.post("/translate/filled", files=files), 422, "differ in size")
