"""Exported files and the runtimes that run them, without torch: ONNX sessions, a file's metadata, and missing extras."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from diptych.errors import DiptychError
from diptych.files import from_json, named_in_utf8
from diptych.machine.interrupts import ended_by
from diptych.machine.threads import usable_cores

CARD, PROCESSING, PRECISION = "diptych.card", "diptych.processing", "diptych.precision"
"""Keys of an ONNX file's own metadata."""
BITS = 15
"""Of the numbers of which noise is made: a product of two of them fits into 31."""
MASK = (1 << BITS) - 1
SEEDS = 1 << (2 * BITS)
"""Seeds lie below this; larger ones are folded."""


def folded(seed: int) -> int:
    """A seed of up to 63 bits as exported networks take it: below SEEDS."""
    return (seed ^ seed >> (2 * BITS) ^ seed >> (4 * BITS)) % SEEDS


def threads() -> int:
    """As many as torch takes, where it has been loaded; else as many as this process may use."""
    if "torch" in sys.modules:
        count: int = sys.modules["torch"].get_num_threads()
        return count
    chosen = os.environ.get("OMP_NUM_THREADS", "")
    if chosen.isdecimal() and int(chosen):
        return int(chosen)
    return usable_cores()


STYLE = "style"
"""Name of an exported network's second input where it takes the numbers of a style, (batch, n), in the place of a seed."""
Inputs = dict[str, int]
"""Of an exported network by name: how many numbers the last side of each has; 0 where that is open."""


def feed(inputs: Inputs, source: "np.ndarray[Any, Any]", seed: int) -> dict[str, Any]:
    """What an exported network is given: its picture first, then a seed where it has noise, or the style of that seed."""
    first, *others = inputs
    fed: dict[str, Any] = {name: np.array(folded(seed), dtype=np.int32) for name in others}
    if STYLE in fed:
        fed[STYLE] = np.repeat(style_of_seed(seed, inputs[STYLE])[None], len(source), 0)
    return {first: source} | fed


def style_of_seed(seed: int, count: int) -> "np.ndarray[Any, Any]":
    """(count,) float32 of N(0, 1): what ``networks.noise.normal`` draws first from this seed, without torch."""
    low, high = folded(seed) & MASK, folded(seed) >> BITS
    numbers = np.arange(count, dtype=np.int64)

    def hashed(draw: int) -> Any:
        return hash_pair(hash_pair(hash_pair(low, high) ^ (977 * draw & MASK), numbers), high)

    def uniform(draw: int) -> Any:
        return ((hashed(draw) * 512 + (hashed(draw + 1) & 511)) / 2**24).astype(np.float32)

    radius = np.sqrt(-2 * np.log(1 - uniform(1)))
    found: np.ndarray[Any, Any] = (radius * np.cos(np.float32(2 * np.pi) * uniform(3))).astype(np.float32)
    return found


def hash_pair(a: Any, b: Any) -> Any:
    """As ``networks.noise.hash_pair``, of whole numbers or arrays of them."""
    product = (a ^ 0x5A35) * (b ^ 0x3C6F)
    return (product & MASK) ^ (product >> BITS & MASK) ^ ((5 * a + 3 * b) & MASK)


def session_of(place: Path) -> Any:
    """An ONNX Runtime session on the processor.

    Raises:
        DiptychError: when there is no such file, it is damaged, or the package is missing.
    """
    with required_package("onnxruntime", f"{place}, an ONNX file,"):
        import onnxruntime
    if not place.is_file():
        raise DiptychError(f"there is no file {place}; write one with: diptych export RUN --to onnx --out {place}.")
    onnxruntime.set_default_logger_severity(4)  # what it has to say it also throws
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    with file_errors(place), named_in_utf8(place) as named:
        return onnxruntime.InferenceSession(str(named), options, providers=["CPUExecutionProvider"])


class OnnxFile:
    """An ONNX file that diptych wrote, under ONNX Runtime, from arrays to arrays.

    Raises:
        DiptychError: when there is no such file, it is damaged, or another program's.
    """

    name = "onnx"

    def __init__(self, place: Path) -> None:
        self.place, self.session = place, session_of(place)
        told = self.session.get_modelmeta().custom_metadata_map
        try:
            self.card: Any = from_json(told[CARD])
        except (KeyError, ValueError):
            raise DiptychError(f"{place} carries no card of diptych; write it anew with: diptych export.") from None
        self.precision = told.get(PRECISION, "float32")
        self.inside = told.get(PROCESSING, "outside") == "inside"
        """Whether it takes and gives the pixels of pictures, not values in [-1, 1]."""
        self.inputs = {one.name: last_side(one.shape) for one in self.session.get_inputs()}
        shapes = [side[0].shape for side in (self.session.get_inputs(), self.session.get_outputs())]
        self.channels = [shape[-1 if self.inside else 1] if len(shape) == 4 else 0 for shape in shapes]
        """Of what it takes and gives, as its graph says."""

    def arrays(self, source: "np.ndarray[Any, Any]", seed: int) -> "np.ndarray[Any, Any]":
        """The result for a batch, which another thread may end (``interrupts``)."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        with ended_by(lambda: setattr(options, "terminate", True)):
            found: np.ndarray[Any, Any] = self.session.run(None, feed(self.inputs, source, seed), options)[0]
        return found


def last_side(shape: "list[Any]") -> int:
    return shape[-1] if shape and isinstance(shape[-1], int) else 0


@contextmanager
def file_errors(place: Path) -> Iterator[None]:
    """Turns whatever a runtime raises about a file into one sentence."""
    try:
        yield
    except DiptychError:
        raise
    except Exception as problem:  # each runtime raises types of its own
        message = " ".join(str(problem).split())[:200]
        raise DiptychError(f"{place} is no ONNX file that can be used ({message}); export it again.") from None


EXTRAS = {
    "openvino": "openvino",
    "nncf": "quant",
    "fastapi": "serve",
    "PyAV": "video",
    "OpenCV": "video",
    "nibabel": "volumes",
    "SimpleITK": "volumes",
    "pydicom": "volumes",
}
"""By package the extra that brings it, where that is not "onnx"."""


@contextmanager
def required_package(package: str, purpose: str) -> Iterator[None]:
    """Around the import of an extra's package: where it is missing, a sentence says how to get it."""
    try:
        yield
    except ImportError:
        raise missing(package, purpose) from None


def missing(package: str, purpose: str) -> DiptychError:
    """An error that names the extra which brings a package."""
    extra = EXTRAS.get(package, "onnx")
    return DiptychError(f"{purpose} needs {package}: pip install 'diptych[{extra}]'.")
