"""ONNX files: written, made smaller, and compared with the network that they come from."""

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diptych.exporting.tracing import program
from diptych.files import written_beside
from diptych.machine.runtimes import CARD, PRECISION, PROCESSING, needed
from diptych.translator.card import write_card
from diptych.translator.translator import Translator

OPSET = 20
LEAST = 512
"""Smaller tensors stay as they are: what they take is nothing, and among them are sizes and offsets."""


def write(
    translator: Translator,
    place: Path,
    processing: str = "outside",
    noise: bool = True,
    precision: str = "float32",
    calibration: Sequence[np.ndarray[Any, Any]] = (),
) -> None:
    """Write the network of ``translator`` as one ONNX file with dynamic batch, height and width, its card inside.

    Args:
        translator: of the engine torch.
        place: the file.
        processing: "outside": "source" (batch, channels, height, width) in [-1, 1], sides divisible by the multiple, to
            "target"; "inside": "picture" (batch, height, width, channels) as stored, of any size, to "result".
        noise: whether a network that has noise takes its "seed" (int32, 0 to 2^30 - 1); without, dropout is off.
        precision: float32; float16 holds the weights in half the bytes and computes in float32; int8 computes in it.
        calibration: for int8, inputs as the file takes them, each with its batch.

    Raises:
        DiptychError: when a package is missing, the network cannot be traced, or the place cannot be written.
    """
    with needed("onnx", "writing ONNX files"):
        import onnx

        import_module("onnxscript")  # torch needs it, and would say so at length
    model = traced(translator, processing, noise)
    if precision == "int8":
        model = quantised(model, calibration)
    if precision == "float16":
        halve(model)
    told = {CARD: write_card(translator.card), PROCESSING: processing, PRECISION: precision}
    onnx.helper.set_model_props(model, told)
    model.producer_name = "diptych"
    with written_beside(place) as beside:
        onnx.save(model, str(beside))


def traced(translator: Translator, processing: str, noise: bool) -> Any:
    """The onnx.ModelProto in float32."""
    exported = program(translator, processing, noise)
    names = ("source", "target") if processing == "outside" else ("picture", "result")
    inputs = [names[0], "seed"][: len(exported.graph_signature.user_inputs)]
    with quiet():
        found = torch.onnx.export(
            exported, dynamo=True, opset_version=OPSET, input_names=inputs, output_names=[names[1]], verbose=False
        )
    assert found is not None
    model = found.model_proto
    forget_origin(model)
    name_sizes(model, ("batch", "height", "width") if processing == "inside" else ("batch", "", "rows", "columns"))
    return model


def name_sizes(model: Any, names: Sequence[str]) -> None:
    """Give the symbols of sizes names that a reader understands, such as "16*rows"; an empty name stands for a fixed size."""
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    renamed = {}
    for size, name in zip(sizes, names, strict=False):
        symbol = re.search(r"[A-Za-z_]\w*", size.dim_param)
        if name and symbol:
            renamed[symbol[0]] = name
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = re.sub(r"[A-Za-z_]\w*", lambda word: renamed.get(word[0], word[0]), size.dim_param)


def forget_origin(model: Any) -> None:
    """Leave out where in which source file each node came from, places of this machine included."""
    graph = model.graph
    for part in [graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]:
        part.doc_string = ""
        del part.metadata_props[:]
    for function in model.functions:
        function.doc_string = ""
        del function.metadata_props[:]
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]
    del model.metadata_props[:]
    model.doc_string = ""


def halve(model: Any) -> None:
    """Store large float32 weights as float16; runtimes widen them once, when they load the file."""
    from onnx import TensorProto, helper, numpy_helper

    wide = [one for one in model.graph.initializer if one.data_type == TensorProto.FLOAT]
    casts = []
    for one in wide:
        values = numpy_helper.to_array(one)
        if values.size < LEAST:
            continue
        name = one.name
        top = np.finfo(np.float16).max
        one.CopyFrom(numpy_helper.from_array(np.clip(values, -top, top).astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def quantised(model: Any, calibration: Sequence[np.ndarray[Any, Any]]) -> Any:
    """8-bit weights and activations, their ranges those that ``calibration`` shows (nncf, post-training)."""
    with needed("nncf", "int8"):
        import nncf
    inputs = [one.name for one in model.graph.input]
    shown = [feed_of(inputs, picture, number) for number, picture in enumerate(calibration)]
    with quiet():
        return nncf.quantize(model, nncf.Dataset(shown), subset_size=len(shown))


def feed_of(inputs: list[str], picture: np.ndarray[Any, Any], number: int) -> dict[str, Any]:
    return {inputs[0]: picture} | ({inputs[1]: np.array(number, dtype=np.int32)} if len(inputs) > 1 else {})


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the remarks of exporters, which are for their own developers."""
    loud = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "nncf", "onnx_ir")]
    levels = [logger.level for logger in loud]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for logger in loud:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loud, levels, strict=True):
                logger.setLevel(level)
