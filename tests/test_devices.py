"""What memory is free, on the machine and in a container."""

from pathlib import Path

import pytest
import torch

from diptych import devices

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
