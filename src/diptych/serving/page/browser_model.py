"""A network for the browser: an ONNX file in parts, and its description for the page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.files import sha256_of
from diptych.machine.runtimes import session_of
from diptych.serving.page.streaming import FileSlice

PART = 8 * 2**20
"""Bytes of a part: small enough for hosts that limit the size of files, large enough to keep them few."""


@dataclass(frozen=True)
class BrowserModel:
    """``entry`` is for the page; ``parts`` are the bytes of each part by its name."""

    entry: dict[str, Any]
    parts: dict[str, FileSlice]


def split_model(network: Path, name: str, precision: str) -> BrowserModel:
    """Split an ONNX file whose processing is outside into models/NAME/model.onnx.000 and so on.

    Raises:
        DiptychError: when it is damaged.
    """
    session = session_of(network)
    inputs = [one.name for one in session.get_inputs()]
    size = network.stat().st_size
    sides = str(session.get_inputs()[0].shape[2])  # such as "128*rows"
    starts = {f"model.onnx.{number:03}": start for number, start in enumerate(range(0, size, PART))}
    entry = {
        "parts": [{"url": f"models/{name}/{part}", "bytes": min(PART, size - start)} for part, start in starts.items()],
        "bytes": size,
        "sha256": sha256_of(network),
        "precision": precision,
        "input": inputs[0],
        "output": session.get_outputs()[0].name,
        "seed": inputs[1] if len(inputs) > 1 else None,
        "multiple": int(sides.split("*")[0]) if "*" in sides else 1,
    }
    parts = {part: FileSlice(network, start, min(PART, size - start)) for part, start in starts.items()}
    return BrowserModel(entry, parts)
