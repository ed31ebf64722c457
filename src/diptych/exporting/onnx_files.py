"""Write ONNX files, in float32 or with smaller weights."""

import contextlib
import io
import logging
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diptych.exporting.tracing import Noise, program
from diptych.files import atomic_write
from diptych.machine.runtimes import CARD, PRECISION, PROCESSING, STYLE, required_package
from diptych.translator.card import write_card
from diptych.translator.translator import Translator

OPSET = 20
LEAST = 512
"""Smaller tensors stay in float32: they need little memory, and some of them are sizes and offsets."""


def write(
    translator: Translator,
    place: Path,
    processing: str = "outside",
    noise: Noise = "seed",
    precision: str = "float32",
    calibration: Sequence[np.ndarray[Any, Any]] = (),
) -> None:
    """Write the network of ``translator`` as one ONNX file with dynamic batch, height and width, its card inside.

    Args:
        translator: of the engine torch.
        place: the file.
        processing: "outside": "source" (batch, channels, height, width) in [-1, 1], sides divisible by the multiple, to
            "target"; "inside": "picture" (batch, height, width, channels) as stored, of any size, to "result".
        noise: "seed": a network with noise has an input "seed" (int32, 0 to 2^30 - 1); "style": one with styles has an input
            "style" (batch, n) of float32, and dropout is off; "none": neither.
        precision: "float32"; "float16" stores half the bytes and computes in float32; "int8" computes in int8.
        calibration: for int8, inputs of the file, each a batch.

    Raises:
        DiptychError: when a package is missing, the network cannot be traced, or the place cannot be written.
    """
    with required_package("onnx", "writing ONNX files"):
        import onnx

        import_module("onnxscript")  # torch needs it, with a long error when it is missing
    model = traced(translator, processing, noise)
    if precision == "int8":
        model = quantised(model, calibration)
    if precision == "float16":
        halve(model)
    metadata = {CARD: write_card(translator.card), PROCESSING: processing, PRECISION: precision}
    onnx.helper.set_model_props(model, metadata)
    model.producer_name = "diptych"
    with atomic_write(place) as beside:
        onnx.save(model, str(beside))


def traced(translator: Translator, processing: str, noise: Noise) -> Any:
    """The onnx.ModelProto in float32."""
    exported = program(translator, processing, noise)
    names = ("source", "target") if processing == "outside" else ("picture", "result")
    inputs = [names[0], STYLE if noise == "style" else "seed"][: len(exported.graph_signature.user_inputs)]
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
    """Rename the symbols of sizes, for sizes such as "16*rows"; an empty name stands for a fixed size."""
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
    """Remove each node's source file and line, which contain paths of this machine."""
    graph = model.graph
    parts = [model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]
    for function in model.functions:
        parts += [function, *function.node]
    for part in parts:
        part.doc_string = ""
        del part.metadata_props[:]


def halve(model: Any) -> None:
    """Store large float32 weights as float16; runtimes convert them back once, when they load the file."""
    from onnx import TensorProto, helper, numpy_helper

    casts, top = [], np.finfo(np.float16).max
    for one in model.graph.initializer:
        if one.data_type != TensorProto.FLOAT or math.prod(one.dims) < LEAST:
            continue
        name, values = one.name, numpy_helper.to_array(one)
        one.CopyFrom(numpy_helper.from_array(np.clip(values, -top, top).astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def quantised(model: Any, calibration: Sequence[np.ndarray[Any, Any]]) -> Any:
    """Quantise weights and activations to 8 bits, with ranges from ``calibration`` (nncf, post-training)."""
    with required_package("nncf", "int8"):
        import nncf
    inputs = [one.name for one in model.graph.input]
    feeds = [
        dict(zip(inputs, (picture, np.array(seed, dtype=np.int32)), strict=False))
        for seed, picture in enumerate(calibration)
    ]
    with quiet():
        return nncf.quantize(model, nncf.Dataset(feeds), subset_size=len(feeds))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporters' output, which is for their own developers."""
    before = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
