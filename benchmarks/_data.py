"""Where the real pictures are: the folder that DIPTYCH_DATA names, else the one beside the project."""

import os
from pathlib import Path

DATA = Path(os.environ.get("DIPTYCH_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
