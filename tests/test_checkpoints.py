"""Files that hold checkpoints."""

import json
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
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


@pytest.mark.parametrize("words", ["[1]", "3", "null", "[" * 100_000, ""])
def test_facts_that_are_no_table_are_damage(words: str, tmp_path: Path) -> None:
    """With a right checksum too, as anybody may write one."""
    tensors = {"a": torch.ones(2)}
    metadata = {"facts": words, "sha256": checkpoints.checksum(tensors, words)}
    safetensors.torch.save_file(tensors, tmp_path / "a.safetensors", metadata)
    with pytest.raises(checkpoints.DamagedCheckpoint, match=r"a\.safetensors is damaged"):
        checkpoints.load(tmp_path / "a.safetensors")
