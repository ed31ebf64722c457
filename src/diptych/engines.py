"""What computes a translation: torch itself, or ONNX Runtime or OpenVINO over an exported file, which are faster on processors.

All of them take (source, seed) and give the target, within the tolerance that ``exporting`` checks when it writes a file.
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from diptych.errors import DiptychError, UsageError
from diptych.networks.blocks import channels_last
from diptych.networks.noise import folded, seeded
from diptych.tables import closest

CARD, PROCESSING, PRECISION = "diptych.card", "diptych.processing", "diptych.precision"
"""Keys of an ONNX file's own metadata."""
BFLOAT16 = "openvino-bfloat16"
PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime", "torch": "torch", BFLOAT16: "openvino"}
"""Engines and what each needs, the fastest of those that "auto" may take first (BENCHMARKS.md)."""


class Engine(Protocol):
    """Computes what a network does."""

    name: str
    precision: str
    """float32, float16 (of the weights), bfloat16 or int8."""

    def __call__(self, source: Tensor, seed: int) -> Tensor:
        """(batch, channels, height, width), sides divisible by the card's ``multiple``; in [-1, 1], or int32 class numbers."""
        ...


class Eager:
    """The network itself."""

    name = "torch"
    precision = "float32"

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.network = channels_last(network.eval(), device)
        self.device = device

    def __call__(self, source: Tensor, seed: int, style: Tensor | None = None) -> Tensor:
        told = () if style is None else (style,)
        with torch.inference_mode(), seeded(seed):
            result: Tensor = self.network(source.to(self.device, memory_format=torch.channels_last), *told)
        return result.float().cpu()


class OnnxRuntime:
    """An exported file under ONNX Runtime."""

    name = "onnx"

    def __init__(self, place: Path) -> None:
        self.place = place
        self.session = session_of(place)
        told = self.session.get_modelmeta().custom_metadata_map
        self.precision = told.get(PRECISION, "float32")
        self.processing = told.get(PROCESSING, "outside")
        self.inputs = [one.name for one in self.session.get_inputs()]

    def __call__(self, source: Tensor, seed: int) -> Tensor:
        return torch.from_numpy(self.arrays(source.contiguous().numpy(), seed))

    def arrays(self, source: "np.ndarray[Any, Any]", seed: int) -> "np.ndarray[Any, Any]":
        """The same for numpy, and for files that hold their own pre- and post-processing."""
        found: np.ndarray[Any, Any] = self.session.run(None, feed(self.inputs, source, seed))[0]
        return found


class OpenVino:
    """An exported file under OpenVINO, in float32 unless the file says otherwise.

    Left to itself OpenVINO computes in bfloat16 where the processor has it, which is 1 to 2 grey levels off.
    """

    name = "openvino"

    def __init__(self, place: Path, precision: str = "float32", hint: str = "f32") -> None:
        """``precision`` is the file's; ``hint`` that of the arithmetic which the file leaves open, "f32" or "bf16"."""
        with needed("openvino", "the engine openvino"):
            import openvino
        self.place = place
        core = openvino.Core()
        with explained(place):
            self.compiled = core.compile_model(str(place), "CPU", {"INFERENCE_PRECISION_HINT": hint})
        self.precision = precision
        self.inputs = [one.get_any_name() for one in self.compiled.inputs]

    def __call__(self, source: Tensor, seed: int) -> Tensor:
        request = self.compiled.create_infer_request()  # one for each call: threads may share an engine
        found = request.infer(feed(self.inputs, source.contiguous().numpy(), seed))
        return torch.from_numpy(np.array(found[0]))


def feed(inputs: list[str], source: "np.ndarray[Any, Any]", seed: int) -> dict[str, Any]:
    """What an exported network is given: its picture first, and a seed where it has noise."""
    return {inputs[0]: source} | ({inputs[1]: np.array(folded(seed), dtype=np.int32)} if len(inputs) > 1 else {})


def session_of(place: Path) -> Any:
    """An ONNX Runtime session on the processor.

    Raises:
        DiptychError: when there is no such file, it is damaged, or the package is missing.
    """
    with needed("onnxruntime", f"{place}, an ONNX file,"):
        import onnxruntime
    if not place.is_file():
        raise DiptychError(f"there is no file {place}; write one with: diptych export RUN --to onnx --out {place}.")
    onnxruntime.set_default_logger_severity(4)  # what it has to say it also throws
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with explained(place):
        return onnxruntime.InferenceSession(str(place), options, providers=["CPUExecutionProvider"])


class explained:
    """Whatever a runtime throws over a file, as one sentence."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, Exception) and not isinstance(problem, DiptychError):
            words = " ".join(str(problem).split())[:200]
            raise DiptychError(f"{self.place} is no ONNX file that can be used ({words}); export it again.") from None


class needed:
    """The import of an extra's package, or a sentence that says how to get it."""

    def __init__(self, package: str, purpose: str) -> None:
        self.package, self.purpose = package, purpose

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, ImportError):
            extra = {"openvino": "openvino", "nncf": "quant", "fastapi": "serve"}.get(self.package, "onnx")
            words = f"{self.purpose} needs {self.package}: pip install 'diptych[{extra}]'."
            raise DiptychError(words) from None


def read_metadata(place: Path) -> dict[str, Any]:
    """The card, as a dictionary, and the words of an ONNX file that diptych wrote.

    Raises:
        DiptychError: when it is damaged, or another program's.
    """
    told = session_of(place).get_modelmeta().custom_metadata_map
    try:
        card = json.loads(told[CARD])
    except (KeyError, ValueError):
        raise DiptychError(f"{place} carries no card of diptych; write it anew with: diptych export.") from None
    return {CARD: card, PROCESSING: told.get(PROCESSING, "outside"), PRECISION: told.get(PRECISION, "float32")}


def device_for(engine: str, device: str) -> str:
    """The device where it is left open: the processor for engines that have no other."""
    return "cpu" if device == "auto" and engine not in ("auto", "torch") else device


def chosen_engine(name: str, device: torch.device) -> str:
    """The engine that "auto" comes to: the fastest that is installed; on a GPU torch.

    Raises:
        UsageError: for an unknown name, or one that has no place on the device.
    """
    if name == "auto":
        there = [engine for engine, package in PACKAGES.items() if find_spec(package) and engine != BFLOAT16]
        exportable = find_spec("onnx") is not None and find_spec("onnxscript") is not None
        return there[0] if device.type == "cpu" and exportable else "torch"
    if name not in PACKAGES:
        raise UsageError(
            f'there is no engine "{name}"{closest(name, PACKAGES)}; choose from auto, {", ".join(PACKAGES)}.'
        )
    if name != "torch" and device.type != "cpu":
        raise UsageError(f"the engine {name} runs on the processor; give --device cpu, or take --engine torch.")
    return name
