"""Many requests at once: batches, a bounded queue, and ends to waiting."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from asking import RNG, Held, Inverted, Serve, offer, opened, picture, pixels, refused, until


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as found:
        yield found


class Crowd:
    """Clients that ask at the same time, one after another taken into the queue."""

    def __init__(self, client: httpx.Client, pool: ThreadPoolExecutor, held: Held, name: str = "held") -> None:
        self.client, self.pool, self.held, self.name = client, pool, held, name
        self.waiting = 0

    def begin(self, given: np.ndarray) -> "Future[httpx.Response]":
        """The first, which is then being translated."""
        found = self.ask(given)
        assert self.held.began.wait(10)
        return found

    def ask(self, given: np.ndarray) -> "Future[httpx.Response]":
        return self.pool.submit(self.client.post, f"/translate/{self.name}", content=picture(given))

    def queue(self, given: np.ndarray) -> "Future[httpx.Response]":
        found = self.ask(given)
        self.waiting += 1
        until(lambda: self.client.get("/health").json()["waiting"] == self.waiting)
        return found


def test_pictures_of_equal_size_share_a_batch_and_come_out_as_alone(
    serve: Serve, held: Held, crowd: ThreadPoolExecutor
) -> None:
    asked = Crowd(serve({"held": held}, batch=4), crowd, held)
    given = [RNG.integers(0, 256, (16, 20 if number % 3 else 24, 3), dtype=np.uint8) for number in range(9)]
    answers = [asked.begin(given[0]), *(asked.queue(one) for one in given[1:])]
    held.go.set()
    for one, answer in zip(given, answers, strict=True):
        np.testing.assert_array_equal(opened(answer.result()), 255 - one)
    shapes = [(shape[0], shape[3]) for shape in held.batches]
    assert shapes == [(1, 24), (4, 20), (2, 24), (2, 20)]  # the oldest first, with those like it


def test_a_crowd_of_sizes_is_answered_whole(serve: Serve, crowd: ThreadPoolExecutor) -> None:
    network = Inverted()
    client = serve({"inverted": network})
    given = [pixels(8 + number % 5, 8 + number % 3) for number in range(60)]
    answers = crowd.map(lambda one: client.post("/translate/inverted", content=picture(one)), given)
    for one, answer in zip(given, answers, strict=True):
        np.testing.assert_array_equal(opened(answer), 255 - one)
    assert sum(shape[0] for shape in network.batches) == 60


def test_seeds_part_batches(serve: Serve, held: Held, crowd: ThreadPoolExecutor) -> None:
    client = serve({"held": held})
    asked = Crowd(client, crowd, held)
    answers = [asked.begin(pixels())]
    for seed in (1, 2, 1):
        asked.name = f"held?seed={seed}"
        answers.append(asked.queue(pixels()))
    held.go.set()
    assert {answer.result().status_code for answer in answers} == {200}
    assert [shape[0] for shape in held.batches] == [1, 2, 1]


def test_a_batch_has_at_most_so_many_pixels(serve: Serve, held: Held, crowd: ThreadPoolExecutor) -> None:
    asked = Crowd(serve({"held": held}, batch=8, batch_pixels=700), crowd, held)
    answers = [asked.begin(pixels()), *(asked.queue(pixels()) for _ in range(4))]
    held.go.set()
    assert {answer.result().status_code for answer in answers} == {200}
    assert [shape[0] for shape in held.batches] == [1, 2, 2]  # of 320 pixels each


def test_a_full_queue_says_when_to_come_again(serve: Serve, held: Held, crowd: ThreadPoolExecutor) -> None:
    asked = Crowd(serve({"held": held}, queue=2), crowd, held)
    accepted = [asked.begin(pixels()), asked.queue(pixels()), asked.queue(pixels())]
    for _ in range(3):
        answer = asked.ask(pixels()).result()
        refused(answer, 503, "try again in")
        assert int(answer.headers["retry-after"]) >= 1
    held.go.set()
    assert {answer.result().status_code for answer in accepted} == {200}
    assert asked.ask(pixels()).result().status_code == 200


def test_pictures_in_hand_are_bounded_by_their_pixels(
    serve: Serve, held: Held, crowd: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Crowd(serve({"held": held}, pixels_at_once=1000), crowd, held)
    accepted = [asked.begin(pixels()), asked.queue(pixels()), asked.queue(pixels())]
    with monkeypatch.context() as patch:
        patch.setattr("diptych.pictures.codecs.decode", None)  # refused before it is decoded
        refused(asked.ask(pixels()).result(), 503, "try again")
    held.go.set()
    assert {answer.result().status_code for answer in accepted} == {200}
    assert asked.ask(pixels()).result().status_code == 200


def test_who_took_too_long_is_told_so_and_who_waited_comes_again(
    serve: Serve, held: Held, crowd: ThreadPoolExecutor
) -> None:
    client = serve({"held": held, "inverted": Inverted()}, seconds=0.6)
    asked = Crowd(client, crowd, held)
    computed, queued = asked.begin(pixels()), asked.queue(pixels())
    other = crowd.submit(
        client.post, "/translate/inverted", content=picture()
    )  # left its queue; the one thread is taken
    refused(computed.result(), 413, "longer than 0.6 s; make the picture smaller")
    assert "retry-after" not in computed.result().headers  # it would take as long again
    for waited in (queued.result(), other.result()):
        refused(waited, 503, "try again")
        assert "retry-after" in waited.headers


def test_so_many_requests_are_in_hand_at_once(serve: Serve, held: Held, crowd: ThreadPoolExecutor) -> None:
    client = serve({"held": held}, concurrent_pictures=1)
    first = crowd.submit(client.post, "/translate/held", content=picture())
    assert held.began.wait(10)
    refused(client.post("/translate/held", content=picture()), 503, "too many requests")
    for address in ("/health", "/ready", "/metrics", "/translators"):
        assert client.get(address).status_code == 200
    held.go.set()
    assert first.result().status_code == 200
    assert client.post("/translate/held", content=picture()).status_code == 200


class Picky(Held):
    """Throws over a batch with a white picture in it."""

    def forward(self, source: Any) -> Any:
        if (source == 1).all(dim=(1, 2, 3)).any():
            raise RuntimeError("Padding size should be less than it is")
        return super().forward(source)


def test_one_picture_does_not_spoil_the_batch_for_others(serve: Serve, crowd: ThreadPoolExecutor) -> None:
    picky = Picky()
    asked = Crowd(serve({"picky": offer("picky", picky)}), crowd, picky, "picky")
    given = [pixels(), pixels(), np.full((16, 20, 3), 255, dtype=np.uint8), pixels()]
    answers = [asked.begin(given[0]), *(asked.queue(one) for one in given[1:])]
    picky.go.set()
    for number in (0, 1, 3):
        np.testing.assert_array_equal(opened(answers[number].result()), 255 - given[number])
    refused(answers[2].result(), 422, "too small")


def test_translators_do_not_share_a_queue(serve: Serve, held: Held, crowd: ThreadPoolExecutor) -> None:
    client = serve({"held": held, "inverted": Inverted()}, queue=1)
    asked = Crowd(client, crowd, held)
    first, second = asked.begin(pixels()), asked.queue(pixels())
    other = crowd.submit(client.post, "/translate/inverted", content=picture())
    until(other.running)
    refused(asked.ask(pixels()).result(), 503)  # asked after the other, whose queue has room
    held.go.set()
    assert {answer.result().status_code for answer in (first, second, other)} == {200}
