"""The engines of a translation: torch, or ONNX Runtime or OpenVINO with an exported file, which are faster on processors.

All take (source, seed) and give the target, within the tolerance that ``exporting`` checks when it writes a file.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from diptych.errors import UsageError
from diptych.files import named_in_utf8
from diptych.machine.interrupts import ended_by
from diptych.machine.runtimes import OnnxFile, feed, file_errors, last_side, missing, required_package, threads
from diptych.networks.blocks import channels_last
from diptych.networks.noise import seeded
from diptych.tables import no_such

BFLOAT16 = "openvino-bfloat16"
PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime", "torch": "torch", BFLOAT16: "openvino"}
"""Engines and their packages; of those that "auto" may take, the fastest first (BENCHMARKS.md)."""


class Engine(Protocol):
    """Computes the output of a network."""

    name: str
    precision: str
    """float32, float16 (of the weights), bfloat16 or int8."""

    def __call__(self, source: Tensor, seed: int) -> Tensor:
        """(batch, channels, height, width), sides divisible by the card's ``multiple``; in [-1, 1], or int32 class numbers."""
        ...


class Eager:
    """The network itself, in PyTorch."""

    name = "torch"
    precision = "float32"

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.network = channels_last(network.eval(), device)
        self.device = device

    def __call__(self, source: Tensor, seed: int, style: Tensor | None = None) -> Tensor:
        styles = () if style is None else (style,)
        with torch.inference_mode(), seeded(seed):
            result: Tensor = self.network(source.to(self.device, memory_format=torch.channels_last), *styles)
        return result.float().cpu()


class OnnxRuntime(OnnxFile):
    """An exported file under ONNX Runtime."""

    def __call__(self, source: Tensor, seed: int) -> Tensor:
        return torch.from_numpy(self.arrays(source.contiguous().numpy(), seed))


class OpenVino:
    """An exported file under OpenVINO, in float32 unless the file says otherwise.

    Left to itself OpenVINO computes in bfloat16 where the processor has it, which is 1 to 2 grey levels off.
    """

    name = "openvino"

    def __init__(self, place: Path, precision: str = "float32", hint: str = "f32") -> None:
        """``precision`` is the file's; ``hint`` the one of arithmetic where the file leaves it open, "f32" or "bf16"."""
        with required_package("openvino", "the engine openvino"):
            import openvino
        self.place = place
        core = openvino.Core()
        with file_errors(place), named_in_utf8(place) as named:
            self.compiled = core.compile_model(
                str(named), "CPU", {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads()}
            )
        self.precision = precision
        shapes = {one.get_any_name(): one.partial_shape for one in self.compiled.inputs}
        self.inputs = {
            name: last_side([side.get_length() if side.is_static else "" for side in shape])
            for name, shape in shapes.items()
        }

    def __call__(self, source: Tensor, seed: int) -> Tensor:
        request = self.compiled.create_infer_request()  # one for each call: threads may share an engine
        with ended_by(request.cancel):
            request.start_async(feed(self.inputs, source.contiguous().numpy(), seed))
            request.wait()
        return torch.from_numpy(np.array(request.get_output_tensor(0).data))


def device_for(engine: str, device: str) -> str:
    """The device of "auto": the processor for engines that have no other."""
    return "cpu" if device == "auto" and engine not in ("auto", "torch") else device


def choose_engine(name: str, device: torch.device) -> str:
    """The engine of "auto": the fastest that is installed; on a GPU torch.

    Raises:
        UsageError: for an unknown name, or an engine that does not run on the device.
        DiptychError: when its package is not installed.
    """
    if name == "auto":
        installed = [engine for engine, package in PACKAGES.items() if find_spec(package) and engine != BFLOAT16]
        exportable = find_spec("onnx") is not None and find_spec("onnxscript") is not None
        return installed[0] if device.type == "cpu" and exportable else "torch"
    if name not in PACKAGES:
        raise no_such("engine", name, ["auto", *PACKAGES])
    if name != "torch" and device.type != "cpu":
        raise UsageError(f"the engine {name} runs on the processor; give --device cpu, or take --engine torch.")
    if find_spec(PACKAGES[name]) is None:
        raise missing(PACKAGES[name], f"the engine {name}")
    return name
