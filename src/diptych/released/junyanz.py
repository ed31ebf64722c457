"""pix2pix and CycleGAN in PyTorch, of the repository junyanz/pytorch-CycleGAN-and-pix2pix: `*_net_G.pth`, `*_net_D.pth`."""

import re
from collections.abc import Mapping
from typing import Any

from diptych.errors import UsageError
from diptych.released.layout import RUNNING, Layout, Modules, Tensors, choose


def level(number: int) -> str:
    """The path of a level of the U-Net; 0 is the outermost."""
    return "model.model" + (".1.model" + ".3.model" * (number - 1) if number else "")


def unet_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    """Dropout stays on and batch norm uses each picture's statistics, since that project tests without ``--eval``.

    Dropout is in the levels of eight times the width except the innermost: three of eight levels, two of seven.
    """
    first, last = tensors["model.model.0.weight"], tensors["model.model.3.weight"]
    normed = f"{level(1)}.2.weight" in tensors
    depth = max((name.count(".3.model") + 2 for name in tensors if ".1.model" in name), default=0)
    if odd := [number for number in given.get("dropout", []) if not 0 < number < depth]:
        raise UsageError(f"dropout names level {odd[0]}; this U-Net's are 1 (the innermost) to {depth - 1}.")
    found = {
        "channels_in": first.shape[1],
        "channels_out": last.shape[1],
        "depth": depth,
        "width": first.shape[0],
        "norm": "batch" if normed else "instance",
        "dropout": list(range(2, depth - 3)),
        "bias": "all" if "model.model.0.bias" in tensors else "auto",
    }
    return found | choose(given, "dropout", "dropout_at_test", "statistics")


def unet_modules(arguments: Mapping[str, Any]) -> Modules:
    depth = arguments["depth"]
    found = {"down.0.0": f"{level(0)}.0", f"up.{depth - 1}.1": f"{level(0)}.3"}
    for number in range(1, depth):
        ours, theirs, innermost = depth - 1 - number, level(number), number == depth - 1
        found |= {f"down.{number}.{part}": f"{theirs}.{part}" for part in ((1,) if innermost else (1, 2))}
        found |= {f"up.{ours}.{part}": f"{theirs}.{part + (2 if innermost else 4)}" for part in (1, 2)}
    return found


def blocks_of(tensors: Tensors) -> list[int]:
    """Numbers of the residual blocks in a sequence called model."""
    found = (re.match(r"model\.(\d+)\.conv_block\.1\.weight", name) for name in tensors)
    return sorted(int(match[1]) for match in found if match)


def tidy_resnet(tensors: Tensors) -> Tensors:
    """Rename `block` to `conv_block`; drop the running statistics of instance norm, which old files have."""
    tensors = {re.sub(r"^(model\.\d+)\.block\.", r"\1.conv_block.", name): t for name, t in tensors.items()}
    if "model.1.bias" not in tensors:
        return tensors  # batch norm
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(RUNNING)}


def resnet_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    blocks = blocks_of(tensors)
    last = tensors[f"model.{blocks[-1] + 8}.weight"]
    batch = "model.1.bias" not in tensors
    second = tensors.get("model.10.conv_block.6.weight")
    found = {
        "channels_in": tensors["model.1.weight"].shape[1],
        "channels_out": last.shape[0],
        "blocks": len(blocks),
        "width": tensors["model.1.weight"].shape[0],
        "norm": "batch" if batch else "instance",
        "affine": not batch and "model.2.weight" in tensors,
        "dropout": second is not None and second.dim() == 4,
    }
    return found | choose(given, "dropout_at_test", "statistics")


def resnet_modules(arguments: Mapping[str, Any]) -> Modules:
    blocks = arguments["blocks"]
    plain = [1, 4, 7, blocks + 10, blocks + 13]
    numbers = [*plain, *[number + 1 for number in plain], blocks + 17]
    inside = (1, 2, 6, 7) if arguments["dropout"] else (1, 2, 5, 6)
    found = {f"layers.{number}": f"model.{number}" for number in numbers}
    for number in range(10, 10 + blocks):
        found |= {f"layers.{number}.layers.{part}": f"model.{number}.conv_block.{part}" for part in inside}
    return found


def patch_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    last = max(int(name.split(".")[1]) for name in tensors)
    return {
        "channels_in": tensors["model.0.weight"].shape[1],
        "layers": (last - 2) // 3,
        "width": tensors["model.0.weight"].shape[0],
        "norm": "instance" if "model.2.bias" in tensors else "batch",
    }


def patch_modules(arguments: Mapping[str, Any]) -> Modules:
    last = 3 * arguments["layers"] + 2
    numbers = [0, *(number for number in range(2, last - 1) if number % 3 != 1), last]
    return {f"layers.{number}": f"model.{number}" for number in numbers}


def pixel_arguments(tensors: Tensors, given: Mapping[str, Any]) -> dict[str, Any]:
    first = tensors["net.0.weight"]
    norm = "instance" if "net.2.bias" in tensors else "batch"
    return {"channels_in": first.shape[1], "layers": 0, "width": first.shape[0], "norm": norm}


LAYOUTS = (
    Layout(
        "pix2pix-unet",
        "the U-Net of PyTorch pix2pix",
        lambda tensors: "model.model.0.weight" in tensors and "model.model.3.weight" in tensors,
        unet_arguments,
        unet_modules,
        network="unet",
        tested_at=(256, 256),  # bicubic, without a crop
    ),
    Layout(
        "cyclegan-resnet",
        "the ResNet generator of PyTorch CycleGAN and pix2pix",
        lambda tensors: "model.1.weight" in tensors and blocks_of(tidy_resnet(tensors))[:1] == [10],
        resnet_arguments,
        resnet_modules,
        network="resnet",
        tested_at=(256, 256),  # bicubic, without a crop
        tidy=tidy_resnet,
    ),
    Layout(
        "patchgan",
        "the PatchGAN of PyTorch CycleGAN and pix2pix",
        lambda tensors: (
            "model.0.weight" in tensors
            and tensors["model.0.weight"].shape[2:] == (4, 4)
            and "model.2.filt" not in tensors  # CUT's
        ),
        patch_arguments,
        patch_modules,
    ),
    Layout(
        "pixelgan",
        "the PixelGAN of PyTorch pix2pix",
        lambda tensors: "net.0.weight" in tensors,
        pixel_arguments,
        lambda arguments: {f"layers.{number}": f"net.{number}" for number in (0, 2, 3, 5)},
    ),
)
