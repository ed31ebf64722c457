"""What every test may use."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures named by DIPTYCH_DATA (default: beside the project); skips where it is absent."""
    folder = Path(os.environ.get("DIPTYCH_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "facades").is_dir():
        pytest.skip(f"no real pictures at {folder}; set DIPTYCH_DATA to their folder")
    return folder
