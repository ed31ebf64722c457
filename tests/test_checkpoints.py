"""Files that hold checkpoints."""

import json
from pathlib import Path

import safetensors
import torch

from diptych import checkpoints


def test_equal_contents_are_equal_files(tmp_path: Path) -> None:
    tensors = {"b": torch.arange(5), "a": torch.ones(2, 3), "c": torch.ones(3, dtype=torch.bfloat16)}
    facts: dict[str, int | float | str] = {"step": 3, "score": "l1", "name": 'Größe "x"\n'}
    for number in range(8):  # of two words in an order by chance, eight alike would be luck
        checkpoints.save(tmp_path / f"{number}.safetensors", tensors, facts)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    with safetensors.safe_open(tmp_path / "0.safetensors", "pt") as file:
        assert json.loads(file.metadata()["facts"]) == facts
        assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in tensors.items())
    found = checkpoints.load(tmp_path / "0.safetensors")
    assert found.facts == facts
    assert found.tensors.keys() == tensors.keys()
