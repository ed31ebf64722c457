"""The generators that pix2pix may have, as its options name them."""

from typing import TYPE_CHECKING

from diptych.errors import UsageError
from diptych.networks import NetworkSpec

if TYPE_CHECKING:
    from diptych.systems.pix2pix import Pix2PixOptions


def depth_for(size: tuple[int, int], wanted: int) -> int:
    """Levels for pictures of ``size`` (height, width): as published 8 for 256 and 7 for 128, never more than 8."""
    deepest = min(side & -side for side in size).bit_length() - 1  # the power of two that divides both sides
    depth = wanted or min(deepest, 8)
    if depth > deepest or depth < 2:
        raise UsageError(
            f"a U-Net of {depth} levels needs sides divisible by {2**depth}, and data.crop_size is {size[0]}x{size[1]}; "
            f"choose a crop size such as 128 or 256, or set options.depth."
        )
    return depth


def generator_spec(
    options: "Pix2PixOptions", channels_in: int, channels_out: int, size: tuple[int, int]
) -> NetworkSpec:
    """The generator that the options name, as plain arguments that a card can carry."""
    arguments: dict[str, object] = {
        "channels_in": channels_in,
        "channels_out": channels_out,
        "width": options.width,
        "norm": options.norm,
        "statistics": options.statistics,
        "dropout_at_test": options.dropout_at_test,
        "upsample": options.upsample,
        "bias": options.bias,
    }
    if options.generator == "resnet":
        return NetworkSpec("resnet", arguments | {"blocks": options.blocks, "dropout": bool(options.dropout)})
    return NetworkSpec(
        "unet",
        arguments
        | {
            "depth": depth_for(size, options.depth),
            "skips": options.generator == "unet",
            "dropout": list(options.dropout),
            "bottleneck_norm": options.bottleneck_norm,
        },
    )
