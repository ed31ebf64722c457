"""Folders packed into small shards."""

from pathlib import Path
from typing import Any

from diptych.data import DataSettings
from diptych.data.shards.index import Index
from diptych.data.shards.packing import pack


def packed(folder: Path, out: Path, megabytes: float = 0.004, **values: Any) -> Index:
    """About two of the toy pairs to a shard."""
    return pack(DataSettings(folder=str(folder), **values), out, megabytes)
