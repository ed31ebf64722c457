"""What a run folder holds that another made, or damage."""

from pathlib import Path

import pytest
import torch
from toys import tiny_recipe

from diptych import checkpoints
from diptych.training.run import Run


@pytest.mark.parametrize("facts", [{}, {"step": "x", "faults": 0}, {"step": -5, "faults": 0}, {"step": 9}])
def test_a_checkpoint_that_does_not_say_where_it_stands_is_passed_over(
    facts: dict[str, int | str], tmp_path: Path
) -> None:
    """Its checksum is right, as anybody can make it; the one before is taken, and this is set aside."""
    run = Run(tmp_path / "run", tiny_recipe("pix2pix", Path("unused")))
    run.save(3, {"a": torch.ones(1)}, {"faults": 0})
    checkpoints.save(run.path_of(9), {"a": torch.zeros(1)}, facts)
    found = run.latest()
    assert found is not None
    assert found.facts["step"] == 3
    (said,) = run.messages
    assert "00000009.safetensors is damaged" in said
    assert "Falling back" in said
    assert run.path_of(9).with_suffix(".damaged").is_file()
