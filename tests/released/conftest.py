"""A file of every layout, and double precision."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from foreign import their_global
from foreign_spade import spade_state
from importing import STATES


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A file of every layout, and of generators that take styles."""
    states = STATES | {"styled-spade": spade_state(4, 6, False), "styled-hd": their_global(9).state_dict()}
    for name, state in states.items():
        torch.save(state, tmp_path / f"{name}.pth")
    return {name: tmp_path / f"{name}.pth" for name in states}


@pytest.fixture
def doubles() -> Iterator[None]:
    """Double precision, since rounding is not tested here."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)
