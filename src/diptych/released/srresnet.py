"""SRResNet and SRGAN's generator, of the repository Lornatang/SRGAN-PyTorch: pictures in [0, 1] in and out."""

import math
from collections.abc import Mapping
from typing import Any

from diptych.networks.srresnet import prime_factors
from diptych.released.layout import Layout, Modules, Tensors, count

CONVOLUTION = "upsampling.{}.upsample_block.0.weight"


def arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    first = tensors["conv1.0.weight"]
    enlargings = [tensors[CONVOLUTION.format(number)].shape for number in range(count(tensors, CONVOLUTION))]
    return {
        "channels_in": first.shape[1],
        "channels_out": tensors["conv3.weight"].shape[0],
        "factor": math.prod(math.isqrt(shape[0] // shape[1]) for shape in enlargings),
        "blocks": count(tensors, "trunk.{}.rcb.0.weight"),
        "width": first.shape[0],
        "bias": "all" if "trunk.0.rcb.0.bias" in tensors else "auto",
        "slopes": "one" if tensors["conv1.1.weight"].numel() == 1 else "each",
    }


def modules(arguments: Mapping[str, Any]) -> Modules:
    blocks = arguments["blocks"]
    found = {"first.0": "conv1.0", "first.1": "conv1.1", "last": "conv3"}
    found |= {f"trunk.{blocks + part}": f"conv2.{part}" for part in (0, 1)}
    for block in range(blocks):
        found |= {f"trunk.{block}.layers.{part}": f"trunk.{block}.rcb.{part}" for part in range(5)}
    for number in range(len(prime_factors(arguments["factor"]))):
        ours, theirs = 3 * number, f"upsampling.{number}.upsample_block"
        found |= {f"enlarge.{ours}": f"{theirs}.0", f"enlarge.{ours + 2}": f"{theirs}.2"}
    return found


def to_signed(tensors: Tensors) -> Tensors:
    """Ours takes sources in [-1, 1] and scales them itself. Its result is 2 x theirs - 1, by the last layer's weights."""
    return tensors | {"last.weight": 2 * tensors["last.weight"], "last.bias": 2 * tensors["last.bias"] - 1}


def to_unit(tensors: Tensors) -> Tensors:
    return tensors | {"conv3.weight": tensors["conv3.weight"] / 2, "conv3.bias": (tensors["conv3.bias"] + 1) / 2}


LAYOUTS = (
    Layout(
        "srresnet",
        "SRResNet or SRGAN's generator of SRGAN-PyTorch",
        lambda tensors: "conv1.0.weight" in tensors and "trunk.0.rcb.0.weight" in tensors,
        arguments,
        modules,
        network="srresnet",
        to_ours=to_signed,
        to_theirs=to_unit,
    ),
)
