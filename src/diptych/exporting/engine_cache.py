"""Run a translator under another engine: its network is exported into the cache once and compared with torch."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import torch

from diptych.checkpoints import checksum, contiguous_on_cpu
from diptych.data.public.catalog import cache_folder
from diptych.errors import DiptychError, UsageError
from diptych.exporting import comparison, onnx_files
from diptych.translator.card import write_card
from diptych.translator.engines import BFLOAT16, Eager, OnnxRuntime, choose_engine
from diptych.translator.translator import Translator

FORMAT = 1
"""Version of the exported files; a change makes old ones invalid."""
KEPT = 12
"""Exported files in the cache; the least recently used are removed first."""
USED: set[Path] = set()
"""Files that this process uses."""


def with_engine(translator: Translator, engine: str, precision: str = "float32") -> tuple[Translator, str]:
    """The translator under that engine, and a sentence that names the engine.

    Args:
        translator: loaded from a run, a model folder or an exported file.
        engine: "auto", or one of ``engines.PACKAGES``.

    Raises:
        UsageError: for an unknown engine.
        DiptychError: when the named one cannot be used; "auto" tries the next.
    """
    eager = translator.engine
    if not isinstance(eager, Eager):
        return of_file(translator, engine)
    name = choose_engine(engine, eager.device)
    if name == "torch":
        return translator, "Engine: torch."
    reasons = []
    for candidate in dict.fromkeys((name, "onnx") if engine == "auto" else (name,)):
        try:
            found = Translator.load_onnx(cached(translator, precision), candidate)
            difference = comparison.compare(translator, found, []).max_difference
            if difference <= tolerance(candidate):
                found = Translator(found.engine, found.card, eager=eager)
                return found, f"Engine: {candidate}, within {difference:.0e} of torch (values in [-1, 1])."
            reasons.append(f"{candidate} is off by {difference:.0e}")
        except DiptychError as problem:
            reasons.append(str(problem).rstrip("."))
    if engine == "auto":
        return translator, f"Engine: torch ({'; '.join(reasons)})."
    raise DiptychError(f"the engine {engine} cannot be used here: {'; '.join(reasons)}; take --engine torch.")


def tolerance(engine: str) -> float:
    """The largest difference allowed to torch, of values in [-1, 1]."""
    return comparison.TOLERANCE_BFLOAT16 if engine == BFLOAT16 else comparison.TOLERANCE


def of_file(translator: Translator, engine: str) -> tuple[Translator, str]:
    """The translator of an exported file under that engine, in the file's precision."""
    if engine == "torch":
        raise UsageError("an exported file runs under onnx or openvino; for --engine torch name the run it came from.")
    loaded = translator.engine
    name = choose_engine(engine, torch.device("cpu"))
    if name.startswith("openvino") and isinstance(loaded, OnnxRuntime) and not loaded.inside:
        try:
            found = Translator.load_onnx(loaded.place, name)
            exact = loaded.precision != "int8"
            if not exact or comparison.compare(translator, found, []).max_difference <= tolerance(name):
                return found, f"Engine: {name}, {found.engine.precision}, from the file."
        except DiptychError:
            if engine != "auto":
                raise
    return translator, f"Engine: {loaded.name}, {loaded.precision}, from the file."


def cached(translator: Translator, precision: str) -> Path:
    """The exported file of these weights, written when it is not in the cache.

    Raises:
        DiptychError: when it cannot be exported or written.
    """
    assert isinstance(translator.engine, Eager)
    weights = checksum(contiguous_on_cpu(translator.engine.network.state_dict()), "")
    key = f"{FORMAT} {precision} {write_card(translator.card)} {weights}"
    folder = cache_folder("engines")
    place = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.onnx"
    USED.add(place)
    if place.is_file():
        with suppress(OSError):
            os.utime(place)  # as recently used
        return place
    onnx_files.write(translator, place, precision=precision)
    forget_old(folder)
    return place


def forget_old(folder: Path) -> None:
    """Remove the least recently used files beyond KEPT, but none that this process uses."""
    ages: dict[Path, float] = {}
    for file in folder.glob("*.onnx"):
        with suppress(OSError):  # another process may remove it just now
            ages[file] = file.stat().st_mtime
    for old in sorted(ages, key=ages.__getitem__)[:-KEPT]:
        if old not in USED:
            with suppress(OSError):  # a runtime may hold it open
                old.unlink()
