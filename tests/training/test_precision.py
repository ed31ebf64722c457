"""What a GPU multiplies in float32 is what was named: in steps, when validating, and in what leaves a run.

No GPU is needed: the flags are set as for one, and every convolution notes them as it runs.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from toys import run_to_end, tiny_recipe

from diptych import Translator
from diptych.machine import devices
from diptych.machine.devices import matmul_precision
from diptych.training import processes, state, trainer, validation
from diptych.translator import translator

PLACES: list[Any] = [torch.backends.cudnn, torch.backends.cuda.matmul]
PRECISIONS = ["float32", "bfloat16", "tf32"]
Seen = set[tuple[bool, bool, bool]]


def flags() -> list[bool]:
    return [place.allow_tf32 for place in PLACES]


@pytest.fixture
def seen() -> Iterator[Seen]:
    """Of each convolution that ran: whether its network was training, and the two flags."""
    found: Seen = set()

    def note(module: nn.Module, _: object) -> None:
        if isinstance(module, nn.Conv2d):
            found.add((module.training, *flags()))  # type: ignore[arg-type]  # two flags

    handle = nn.modules.module.register_module_forward_pre_hook(note)
    yield found
    handle.remove()


@pytest.fixture(autouse=True)
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (trainer, validation, translator):
        monkeypatch.setattr(
            module, "matmul_precision", lambda precision, _: matmul_precision(precision, torch.device("cuda"))
        )
    for module in (processes, state):
        monkeypatch.setattr(module, "precision_of", lambda settings, _: settings.precision)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_flags_are_set_within_and_as_before_afterwards(precision: str) -> None:
    before = flags()
    with devices.matmul_precision(precision, torch.device("cuda")):
        assert flags() == [precision == "tf32"] * 2
    assert flags() == before
    with devices.matmul_precision(precision, torch.device("cpu")):
        assert flags() == before


def test_threads_that_want_the_same_share_it_and_others_wait() -> None:
    before, gpu = flags(), torch.device("cuda")
    done = {name: Event() for name in ("entered", "leave")}

    def another(precision: str) -> None:
        with matmul_precision(precision, gpu):
            done["entered"].set()
            assert done["leave"].wait(10)
            assert flags() == [precision == "tf32"] * 2

    with ThreadPoolExecutor(2) as pool:
        with matmul_precision("float32", gpu):
            same = pool.submit(another, "float32")
            assert done["entered"].wait(10)
        assert flags() == [False, False]  # the other is still at work
        done["entered"].clear()
        different = pool.submit(another, "tf32")
        assert not done["entered"].wait(0.1)
        done["leave"].set()
        same.result()
        different.result()
    assert flags() == before


def test_one_that_asks_for_another_within_keeps_nobody_waiting_meanwhile() -> None:
    before, gpu, both = flags(), torch.device("cuda"), Barrier(2)

    def nested() -> None:
        with matmul_precision("tf32", gpu):
            both.wait(10)
            with matmul_precision("float32", gpu):
                assert flags() == [False, False]
            assert flags() == [True, True]

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(nested), pool.submit(nested)]:
            one.result(20)
    assert flags() == before


@pytest.mark.parametrize("precision", PRECISIONS)
def test_steps_and_validation(precision: str, seen: Seen, toy_pairs: Path, tmp_path: Path) -> None:
    words = (f"training.precision={precision}", "training.steps=1", 'training.metrics=["ssim"]')
    run_to_end(tiny_recipe("pix2pix", toy_pairs, *words), tmp_path / "run")
    named = precision == "tf32"
    assert seen == {(True, named, named), (False, named, named)}


@pytest.mark.parametrize("tile", [0, 256])
def test_translating_is_in_float32(tile: int, seen: Seen, toy_pairs: Path, tmp_path: Path) -> None:
    run, _ = run_to_end(
        tiny_recipe("pix2pix", toy_pairs, "options.norm=instance", "training.steps=1"), tmp_path / "run"
    )
    loaded = Translator.load(run.folder)
    loaded.tile = tile
    seen.clear()
    loaded(np.zeros((288, 16, 3), np.uint8))
    assert seen == {(False, False, False)}
