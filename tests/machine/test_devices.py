"""What memory is free, on the machine and in a container."""

from pathlib import Path

import pytest
import torch

from diptych.machine import devices
from diptych.translator.engines import device_for

CPU = torch.device("cpu")


def container(place: Path, bound: str, used: int, cached: int) -> Path:
    for name, words in (("max", bound), ("current", str(used)), ("stat", f"anon 5\ninactive_file {cached}\nslab 7")):
        (place / f"memory.{name}").write_text(f"{words}\n")
    return place


def test_a_container_s_bound_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "CONTAINER", tmp_path)
    machine = devices.free_bytes(CPU)
    assert machine > 0
    container(tmp_path, "100000", 60_000, 20_000)
    assert devices.free_bytes(CPU) == 60_000
    container(tmp_path, "50000", 60_000, 0)
    assert devices.free_bytes(CPU) == 0
    container(tmp_path, "max", 60_000, 0)
    assert devices.free_bytes(CPU) > 100_000


def test_all_memory_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "CONTAINER", tmp_path)
    machine = devices.total_bytes(CPU)
    assert machine >= devices.free_bytes(CPU)
    container(tmp_path, "100000", 60_000, 20_000)
    assert devices.total_bytes(CPU) == 100_000
    container(tmp_path, "max", 60_000, 0)
    assert devices.total_bytes(CPU) == machine


@pytest.mark.parametrize(("cuda", "mac", "found"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_takes_a_gpu_where_there_is_one(
    cuda: bool, mac: bool, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mac)
    assert devices.choose("auto").type == found


def test_engines_that_know_processors_alone_take_auto_for_one() -> None:
    found = [device_for(engine, "auto") for engine in ("auto", "torch", "onnx", "openvino")]
    assert found == ["auto", "auto", "cpu", "cpu"]
    assert device_for("onnx", "cuda") == "cuda"  # which is then refused
