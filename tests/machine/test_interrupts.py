"""Work that is stopped from another thread, under every engine."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from diptych.exporting.engine_cache import cached
from diptych.machine.interrupts import Stop, StoppedError, stoppable
from diptych.networks import NetworkSpec
from diptych.pictures.kinds import Kind
from diptych.translator.card import Card
from diptych.translator.translator import Translator


def translator() -> Translator:
    spec = NetworkSpec("unet", {"channels_in": 3, "channels_out": 3, "width": 8, "depth": 3, "statistics": "running"})
    return Translator(spec.build(), Card("a-to-b", "generator", spec.name, spec.arguments, Kind(), Kind(), 8, (16, 16)))


def stopped_after(work: Translator, seconds: float) -> BaseException | None:
    """What comes of work that repeats for ever, stopped from outside."""
    stop, found, began = Stop(), [], threading.Event()
    picture = np.zeros((256, 256, 3), dtype=np.uint8)

    def repeat() -> None:
        try:
            with stoppable(stop):
                while True:
                    work.stored(picture)
                    began.set()
        except BaseException as problem:
            found.append(problem)

    thread = threading.Thread(target=repeat)
    thread.start()
    assert began.wait(30)
    time.sleep(seconds)
    stop.ask()
    thread.join(20)
    assert not thread.is_alive()
    return found[0] if found else None


@pytest.mark.parametrize("engine", ["torch", "onnx", "openvino"])
def test_every_engine_is_stopped_and_works_on(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    plain = translator()
    if engine != "torch":
        pytest.importorskip({"onnx": "onnxruntime"}.get(engine, engine))
    found = plain if engine == "torch" else Translator.of_onnx(cached(plain, "float32"), engine)
    assert isinstance(stopped_after(found, 0.05), StoppedError)
    picture = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    np.testing.assert_allclose(found.stored(picture).astype(int), plain.stored(picture).astype(int), atol=1)


def test_results_are_those_without() -> None:
    found, picture = translator(), np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    with stoppable(Stop()):
        seen = found.stored(picture)
    np.testing.assert_array_equal(seen, found.stored(picture))


def test_what_is_stopped_before_it_begins_does_nothing() -> None:
    stop = Stop()
    stop.ask()
    with pytest.raises(StoppedError), stoppable(stop):
        raise AssertionError


def test_each_operation_gives_way_and_is_not_starved() -> None:
    way, order = threading.Event(), []
    stop = Stop(way, 30)

    def large() -> None:
        with stoppable(stop):
            order.append("large")

    thread = threading.Thread(target=large)
    thread.start()
    order.append("small")
    way.set()
    thread.join(10)
    assert order == ["small", "large"]
    with stoppable(Stop(threading.Event(), 0.01)):  # the way is never free
        assert torch.ones(2).sum() == 2


def test_other_threads_are_not_stopped() -> None:
    sums: list[float] = []
    stop = Stop()
    with stoppable(stop):
        stop.ask()
        thread = threading.Thread(target=lambda: sums.append(torch.ones(2).sum().item()))
        thread.start()
        thread.join()
        with pytest.raises(StoppedError):
            torch.ones(2)
    assert sums == [2]
