"""pix2pixHD, of the repository NVIDIA/pix2pixHD: `*_net_G.pth`, `*_net_D.pth`, `*_net_E.pth`."""

from collections.abc import Mapping
from typing import Any

from diptych.released.junyanz import blocks_of
from diptych.released.layout import Layout, Modules, Tensors, choose, count, labels, without_running


def generator_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    """``features``, where given, is how many of the input channels are the encoder's."""
    first = tensors["model.1.weight"]
    blocks, enhancers = blocks_of(tensors), 0
    while f"model{enhancers + 1}_1.1.weight" in tensors:
        enhancers += 1
    head = f"model{enhancers}_2" if enhancers else "model"
    last = max(int(name.split(".")[1]) for name in tensors if name.startswith(f"{head}."))
    features = int(given.get("features", 0))
    found: dict[str, Any] = {
        "channels_in": first.shape[1] - features,
        "channels_out": tensors[f"{head}.{last}.weight"].shape[0],
        "width": first.shape[0],
        "downs": (blocks[0] - 4) // 3,
        "blocks": len(blocks),
        "enhancers": enhancers,
        "features": features,
    }
    if enhancers:
        found["enhancer_blocks"] = count(tensors, f"{head}.{{}}.conv_block.1.weight")
    if first.shape[1] - features > 3 or "classes" in given:
        found |= labels(first.shape[1], {"boundary": True} | dict(given), features)
    return found | choose(given, "encoder_width")


def generator_modules(arguments: Mapping[str, Any]) -> Modules:
    downs, blocks, enhancers = arguments["downs"], arguments["blocks"], arguments.get("enhancers", 0)
    first_block = 3 * downs + 4
    plain = [1 + 3 * level for level in range(downs + 1)]
    plain += [first_block + blocks + 3 * level for level in range(downs)]
    found = {f"coarse.{number}": f"model.{number}" for number in plain}
    for number in range(first_block, first_block + blocks):
        found |= {f"coarse.{number}.layers.{part}": f"model.{number}.conv_block.{part}" for part in (1, 5)}
    found["head.1"] = f"model.{first_block + blocks + 3 * downs + 1}"
    for number in range(enhancers):
        inner = arguments["enhancer_blocks"]
        found |= {f"fronts.{number}.{part}": f"model{number + 1}_1.{part}" for part in (1, 4)}
        for block in range(inner):
            ours, theirs = f"backs.{number}.{block}.layers", f"model{number + 1}_2.{block}.conv_block"
            found |= {f"{ours}.{part}": f"{theirs}.{part}" for part in (1, 5)}
        found[f"backs.{number}.{inner}"] = f"model{number + 1}_2.{inner}"
        found["head.1"] = f"model{number + 1}_2.{inner + 4}"
    return found


def discriminator_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    first = tensors["scale0_layer0.0.weight"]
    return {
        "channels_in": first.shape[1],
        "scales": count(tensors, "scale{}_layer0.0.weight"),
        "layers": count(tensors, "scale0_layer{}.0.weight") - 2,
        "width": first.shape[0],
    }


def discriminator_modules(arguments: Mapping[str, Any]) -> Modules:
    """Their last scale is the full resolution, ours the first."""
    scales, layers = arguments["scales"], arguments["layers"]
    found: Modules = {}
    for scale in range(scales):
        theirs = scales - 1 - scale
        found |= {f"scales.{scale}.{layer}.0": f"scale{theirs}_layer{layer}.0" for layer in range(layers + 1)}
        found[f"scales.{scale}.{layers + 1}"] = f"scale{theirs}_layer{layers + 1}.0"
    return found


def tidy_discriminator(tensors: Tensors) -> Tensors:
    """Files written without feature matching have all layers of a scale in one sequence."""
    tensors = without_running(tensors)
    if "scale0_layer0.0.weight" in tensors:
        return tensors
    found: Tensors = {}
    for name, tensor in tensors.items():
        scale, number, leaf = name.split(".")
        found[f"scale{scale.removeprefix('layer')}_layer{(int(number) + 1) // 3}.0.{leaf}"] = tensor
    return found


def encoder_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    last = max(int(name.split(".")[1]) for name in tensors)
    first, features = tensors["model.1.weight"], tensors[f"model.{last}.weight"].shape[0]
    return {"channels_in": first.shape[1], "features": features, "width": first.shape[0]}


LAYOUTS = (
    Layout(
        "pix2pixhd-local",
        "the generator of pix2pixHD with its local enhancers",
        lambda tensors: "model1_1.1.weight" in tensors,
        generator_arguments,
        generator_modules,
        network="coarse-to-fine",
        encoder="pix2pixhd-encoder",
    ),
    Layout(
        "pix2pixhd-global",
        "the global generator of pix2pixHD",
        lambda tensors: (
            "model.1.weight" in tensors
            and not tensors.keys() & {"model1_1.1.weight", "model.7.filt"}  # the local one, and CUT's
            and blocks_of(tensors)[:1] > [10]
        ),
        generator_arguments,
        generator_modules,
        network="coarse-to-fine",
        encoder="pix2pixhd-encoder",
    ),
    Layout(
        "pix2pixhd-discriminator",
        "the discriminators of pix2pixHD",
        lambda tensors: "scale0_layer0.0.weight" in tensors or "layer0.8.weight" in tensors,
        discriminator_arguments,
        discriminator_modules,
        tidy=tidy_discriminator,
    ),
    Layout(
        "pix2pixhd-encoder",
        "the encoder of pix2pixHD",
        lambda tensors: "model.29.weight" in tensors and not blocks_of(tensors),
        encoder_arguments,
        lambda arguments: {f"layers.{number}": f"model.{number}" for number in (*range(1, 26, 3), 29)},
    ),
)
