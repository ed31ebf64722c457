"""Packages of the extra diptych[volumes]."""

import importlib
from pathlib import Path
from typing import Any

from diptych.errors import DiptychError


def require_package(name: str, path: Path) -> Any:
    """Import a package; a DiptychError says how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise DiptychError(f"{path} needs {name}: pip install 'diptych[volumes]'.") from None
