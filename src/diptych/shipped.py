"""Translators that come with the package: model folders, by name. Needs no torch, so that commands start quickly."""

from functools import cache
from importlib import resources
from pathlib import Path

FIRST = "openmoji"
"""The one that is served where none is named."""


@cache
def shipped() -> dict[str, Path]:
    """The folder of each, by name."""
    folder = Path(str(resources.files("diptych") / "translators"))
    return {card.parent.name: card.parent for card in sorted(folder.glob("*/card.json"))}


def find(place: str | Path) -> Path:
    """What ``place`` names: a file or folder on the disk, which comes first, else a translator that comes with diptych.

    Names that are neither are returned as they are; whoever opens them says so.
    """
    path = Path(place)
    return path if path.exists() else shipped().get(str(path), path)


def is_shipped(place: Path) -> bool:
    return place in shipped().values()
