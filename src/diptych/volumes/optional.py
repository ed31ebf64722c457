"""Packages of the extra diptych[volumes]."""

import importlib
from pathlib import Path
from typing import Any

from diptych.machine.runtimes import required_package


def require_package(name: str, path: Path) -> Any:
    """Import a package; a DiptychError says how to install it."""
    with required_package(name, str(path)):
        return importlib.import_module(name)
