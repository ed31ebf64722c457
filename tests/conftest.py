"""What every test may use."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures named by DIPTYCH_DATA (default: beside the project); skips where it is absent."""
    folder = Path(os.environ.get("DIPTYCH_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "facades").is_dir():
        pytest.skip(f"no real pictures at {folder}; set DIPTYCH_DATA to their folder")
    return folder


@pytest.fixture
def toy_pairs(tmp_path: Path) -> Path:
    """Twelve side-by-side pictures of 40 x 20 in train and four in val: blobs, and the blobs inverted."""
    folder = tmp_path / "pairs"
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4)):
        (folder / split).mkdir(parents=True)
        for number in range(count):
            blocks = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            left = blocks.repeat(5, axis=0).repeat(5, axis=1)
            Image.fromarray(np.concatenate([left, 255 - left], axis=1)).save(folder / split / f"{number}.png")
    return folder
