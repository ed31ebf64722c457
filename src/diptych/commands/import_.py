"""``diptych import``."""

import tomllib
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

from cyclopts import Parameter

from diptych.commands.parameters import OUT
from diptych.errors import DiptychError, UsageError


def import_(
    file: Path,
    *told: str,
    out: Annotated[Path, OUT],
    layout: Annotated[str, Parameter(name=["--as"])] = "",
    encoder: Path | None = None,
    size: str = "",
) -> int:
    """Take over weights that another project published, as a model folder that `diptych translate` uses.

    Example: diptych import latest_net_G.pth --out models/horse2zebra

    Parameters
    ----------
    file
        A checkpoint of a generator (docs/import.md lists the projects).
    told
        What the file does not tell, as key=value: classes=35 boundary=true depth=more, or dropout=[] statistics=running.
    out
        The model folder to make.
    layout
        The layout by name; recognised where it is not given.
    encoder
        The encoder that belongs to a generator with styles.
    size
        At which it translates pictures: own, a side, or HEIGHTxWIDTH; by default as its project tests, where known, else own.
    """
    from diptych.files import atomic_output, is_vacant
    from diptych.released.models import write_model

    if not is_vacant(out):
        raise DiptychError(f"{out} exists and is not empty; give another --out.")
    with atomic_output(out) as place:
        summary = write_model(file, place, layout, parse_values(told), encoder, size or None)
    print(summary)
    print(
        f"Written: {out} (card.json, weights.safetensors). Translate with: diptych translate {quote(str(out))} PICTURES --out FOLDER"
    )
    return 0


def parse_values(words: tuple[str, ...]) -> dict[str, Any]:
    """key=value words, the values read as TOML, or as text where they are none."""
    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise UsageError(f'"{word}" is no key=value, such as classes=35.')
        try:
            found[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[key] = text
    return found
