"""SPADE, of the repository NVlabs/SPADE: `*_net_G.pth`, `*_net_D.pth`, `*_net_E.pth`."""

import math
from collections.abc import Mapping
from typing import Any

from diptych.errors import DiptychError
from diptych.networks.spade import MULTIPLES
from diptych.released.layout import Layout, Modules, Tensors, choose, count, labels, spectral_back, spectral_names

BLOCKS = ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3", "up_4")


def generator_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    """A file does not show depth "more", which doubles the map once more before the third block than "normal"."""
    shared = tensors["head_0.norm_0.mlp_shared.0.weight"]
    first, last = tensors["fc.weight"], tensors["conv_img.weight"]
    most = "up_4.conv_0.weight" in tensors
    width = last.shape[1] * (2 if most else 1)
    depth = given.get("depth", "most" if most else "normal")
    if depth not in MULTIPLES or (depth == "most") != most:
        raise DiptychError(f'depth="{depth}" does not fit this file; it is {"most" if most else "normal or more"}.')
    found: dict[str, Any] = {
        "channels_in": shared.shape[1],
        "channels_out": last.shape[0],
        "width": width,
        "depth": depth,
        "hidden": shared.shape[0],
        "kernel": shared.shape[2],
        "norm": "batch" if "head_0.norm_0.param_free_norm.running_mean" in tensors else "instance",
        "spectral": "head_0.conv_0.weight_u" in tensors,
        "style": first.shape[1] if first.dim() == 2 else 0,
        "size": given.get("size", [256, 256]),
    }
    found |= labels(shared.shape[1], given)
    if found["style"]:
        found["size"] = given.get("size") or size_of(first.shape[0] // (16 * width), MULTIPLES[depth])
    return found | choose(given, "encoder_width")


def size_of(places: int, multiple: int) -> list[int]:
    """Height and width of the training pictures, from the positions of the first map: square, or twice as wide as high."""
    side = math.isqrt(places)
    if side * side == places:
        return [side * multiple, side * multiple]
    high = math.isqrt(places // 2)
    if 2 * high * high == places:
        return [high * multiple, 2 * high * multiple]
    raise DiptychError("the file does not show the size of the training pictures; give it: size=[256,512].")


def generator_modules(arguments: Mapping[str, Any]) -> Modules:
    found = {"first": "fc", "last": "conv_img"}
    blocks = BLOCKS if arguments["depth"] == "most" else BLOCKS[:-1]
    for number, theirs in enumerate(blocks):
        ours = f"blocks.{number}"
        for part in (0, 1):
            found[f"{ours}.filter.{part}"] = f"{theirs}.conv_{part}"
            found |= modulation(f"{ours}.modulate.{part}", f"{theirs}.norm_{part}")
        if number > 2:
            found[f"{ours}.shortcut"] = f"{theirs}.conv_s"
            found |= modulation(f"{ours}.shortcut_modulate", f"{theirs}.norm_s")
    return found


def modulation(ours: str, theirs: str) -> Modules:
    return {
        f"{ours}.norm": f"{theirs}.param_free_norm",
        f"{ours}.shared": f"{theirs}.mlp_shared.0",
        f"{ours}.gamma": f"{theirs}.mlp_gamma",
        f"{ours}.beta": f"{theirs}.mlp_beta",
    }


def discriminator_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    first = tensors["discriminator_0.model0.0.weight"]
    layers = max(int(name.split(".")[1].removeprefix("model")) for name in tensors) - 1
    return {
        "channels_in": first.shape[1],
        "scales": count(tensors, "discriminator_{}.model0.0.weight"),
        "layers": layers,
        "width": first.shape[0],
        "spectral": "discriminator_0.model1.0.0.weight_u" in tensors,
    }


def discriminator_modules(arguments: Mapping[str, Any]) -> Modules:
    layers, found = arguments["layers"], {}
    for scale in range(arguments["scales"]):
        ours, theirs = f"scales.{scale}", f"discriminator_{scale}"
        found[f"{ours}.0.0"] = f"{theirs}.model0.0"
        found |= {f"{ours}.{layer}.0": f"{theirs}.model{layer}.0.0" for layer in range(1, layers + 1)}
        found[f"{ours}.{layers + 1}"] = f"{theirs}.model{layers + 1}.0"
    return found


def encoder_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    first = tensors["layer1.0.weight"]
    style = tensors["fc_mu.weight"].shape[0]
    spectral = "layer1.0.weight_u" in tensors
    return {"channels_in": first.shape[1], "style": style, "width": first.shape[0], "spectral": spectral}


def encoder_modules(arguments: Mapping[str, Any]) -> Modules:
    found = {f"layers.{3 * layer}": f"layer{layer + 1}.0" for layer in range(6)}
    return found | {"mean": "fc_mu", "log_variance": "fc_var"}


LAYOUTS = (
    Layout(
        "spade-generator",
        "the generator of SPADE",
        lambda tensors: "head_0.norm_0.mlp_shared.0.weight" in tensors,
        generator_arguments,
        generator_modules,
        network="spade",
        encoder="spade-encoder",
        tidy=spectral_names,
        to_theirs=spectral_back,
    ),
    Layout(
        "spade-discriminator",
        "the discriminators of SPADE",
        lambda tensors: "discriminator_0.model0.0.weight" in tensors,
        discriminator_arguments,
        discriminator_modules,
        tidy=spectral_names,
        to_theirs=spectral_back,
    ),
    Layout(
        "spade-encoder",
        "the image encoder of SPADE",
        lambda tensors: "fc_mu.weight" in tensors,
        encoder_arguments,
        encoder_modules,
        tidy=spectral_names,
        to_theirs=spectral_back,
    ),
)
