"""Clients that leave things unfinished, and words that are no HTTP."""

import json
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
from asking import Held, Inverted, Serve, Wire, offer, picture, refused

from diptych.serving.service.limits import Limits

HEAD = b"POST /translate/inverted HTTP/1.1\r\nHost: here\r\nContent-Type: image/png\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n"
SHORT: dict[str, Any] = {
    "keep_alive_seconds": 0.4,
    "header_seconds": 0.3,
    "upload_seconds": 0.4,
    "linger_seconds": 0.2,
    "answer_seconds": 0.4,
}


def dripped(wire: Wire, drop: bytes, begun: bytes = b"") -> bytes:
    """What is heard while ``drop`` is said again and again, until the other side closes."""
    end = threading.Event()

    def drip() -> None:
        while not end.wait(0.05):
            try:
                wire.say(drop)
            except OSError:
                return

    wire.say(begun)
    dripping = threading.Thread(target=drip)
    dripping.start()
    found = wire.heard()
    end.set()
    dripping.join()
    return found


def problem(heard: bytes) -> dict[str, Any]:
    head, _, body = heard.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    found: dict[str, Any] = json.loads(body)
    return found


def test_a_head_that_never_ends_is_closed(serve: Serve) -> None:
    with Wire(serve(**SHORT)) as wire:
        assert dripped(wire, b"X-More: x\r\n", b"GET /health HTTP/1.1\r\n") == b""


def test_nor_does_a_second_one_on_the_same_connection(serve: Serve) -> None:
    with Wire(serve(**SHORT)) as wire:
        heard = dripped(wire, b"X-More: x\r\n", GET + b"GET /health HTTP/1.1\r\n")
        assert heard.count(b"200 OK") == 1


def test_a_connection_on_which_nothing_is_said_is_closed(serve: Serve) -> None:
    with Wire(serve(**SHORT)) as wire:
        assert wire.heard() == b""


def test_a_head_that_is_too_long_is_refused(serve: Serve) -> None:
    with Wire(serve()) as wire:
        wire.say(b"GET /health HTTP/1.1\r\nX-Long: " + b"x" * 100_000)
        assert problem(wire.heard())["status"] == 431


def test_a_body_that_drips_is_refused_and_the_connection_closed(serve: Serve) -> None:
    with Wire(serve(**SHORT)) as wire:
        told = problem(dripped(wire, b"x", HEAD + b"Content-Length: 100000\r\n\r\n"))
        assert told["status"] == 408
        assert "within 0.4 s" in told["detail"]


def test_a_body_that_never_comes(serve: Serve) -> None:
    with Wire(serve(**SHORT)) as wire:
        wire.say(HEAD + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
        heard = wire.heard()
        assert heard.startswith(b"HTTP/1.1 100 ")
        assert b"HTTP/1.1 408 " in heard


def test_a_refused_body_is_not_listened_to_for_ever(serve: Serve) -> None:
    with Wire(serve(**SHORT)) as wire:
        head = b"POST /nowhere HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert problem(dripped(wire, b"1\r\nx\r\n", head))["status"] == 404


def test_a_client_that_does_not_take_its_answer_is_left(serve: Serve) -> None:
    large = offer("inverted", Inverted(), examples=[bytes(30_000_000)])
    client = serve({"inverted": large}, **SHORT)
    with Wire(client) as wire:
        wire.say(b"GET /examples/inverted/0.png HTTP/1.1\r\nHost: here\r\n\r\n")
        time.sleep(1.5)
        assert len(wire.heard()) < 30_000_000


def test_a_client_that_goes_away_while_it_sends(serve: Serve) -> None:
    client = serve()
    with Wire(client) as wire:
        wire.say(HEAD + b"Content-Length: 1000\r\n\r\nx")
    assert client.post("/translate/inverted", content=picture()).status_code == 200


def test_a_further_connection_takes_the_place_of_the_longest_idle(serve: Serve) -> None:
    client = serve(connections=2)
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with Wire(client) as one, Wire(client) as two:
        for wire in (two, one):  # so that the second is idle for longer
            wire.say(GET)
            assert wire.socket.recv(4096)
        with Wire(client) as three:
            three.say(last)
            assert b"200 OK" in three.heard()
            assert two.heard() == b""
        one.say(last)
        assert b"200 OK" in one.heard()


def test_monitors_are_answered_whatever_slow_clients_do(serve: Serve) -> None:
    client = serve(connections=40, concurrent_pictures=20)
    slow, idle = [Wire(client) for _ in range(30)], [Wire(client) for _ in range(30)]
    try:
        for wire in slow:
            wire.say(HEAD + b"Content-Length: 100000\r\n\r\nx")
        for address in ("/health", "/ready", "/metrics", "/translators", "/"):
            assert client.get(address).status_code == 200
    finally:
        for wire in slow + idle:
            wire.socket.close()


def test_who_waits_for_an_answer_is_not_put_out(serve: Serve, held: Held) -> None:
    client = serve({"held": held}, connections=2)
    body = picture()
    with Wire(client) as asked:
        head = HEAD.replace(b"inverted", b"held") + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        asked.say(head + body)
        assert held.began.wait(10)
        with ExitStack() as others:
            for _ in range(5):
                others.enter_context(Wire(client))
            assert client.get("/health").status_code == 200
            held.go.set()
            assert b"200 OK" in asked.heard()


def test_an_idle_connection_lasts_longer_than_a_load_balancer_waits(serve: Serve) -> None:
    assert Limits().keep_alive_seconds > 60
    client = serve(keep_alive_seconds=3, header_seconds=0.2)
    with Wire(client) as wire:
        time.sleep(0.8)
        wire.say(GET)
        assert b"200 OK" in wire.socket.recv(4096)
        time.sleep(0.8)
        wire.say(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert b"200 OK" in wire.heard()


@pytest.mark.parametrize(
    "words",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET\r\n\r\n",
        b"GET /health HTTP/x\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",  # no host
        b"GET /\xff HTTP/1.1\r\nHost: here\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: here\r\nno colon\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: x\r\n\r\n",
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nnot a length\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffffffffff\r\n",
        b"HEAD /health HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nnot a length\r\n",
        b"CONNECT here:443 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
        b"GET http://elsewhere/health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n",
    ],
)
def test_words_that_are_no_request(serve: Serve, words: bytes) -> None:
    client = serve()
    with Wire(client) as wire:
        wire.say(words)
        heard = wire.heard()
    assert b"HTTP/1.1 5" not in heard
    assert not heard or b"HTTP/1.1 4" in heard or words.startswith(b"GET /health HTTP/1.1\r\nHost: here\r\nUpgrade")
    assert client.get("/health").status_code == 200


def test_requests_in_a_row_without_waiting_are_answered_in_a_row(serve: Serve) -> None:
    with Wire(serve()) as wire:
        wire.say(GET * 20 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert wire.heard().count(b"200 OK") == 21


def test_a_refusal_leaves_the_connection_usable(serve: Serve) -> None:
    client = serve()
    for _ in range(3):
        refused(client.post("/translate/nobody", content=picture()), 404)
        assert client.post("/translate/inverted", content=picture()).status_code == 200


def test_no_wait_is_without_an_end() -> None:
    limits = Limits()
    assert 0 < max(limits.header_seconds, limits.linger_seconds, limits.upload_seconds, limits.answer_seconds) <= 60
