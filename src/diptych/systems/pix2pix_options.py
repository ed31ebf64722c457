"""What a pix2pix recipe may say, and the generator that it names."""

from dataclasses import dataclass
from typing import Literal

from diptych.errors import UsageError
from diptych.networks import NetworkSpec


@dataclass(frozen=True)
class Pix2PixOptions:
    """The [options] table of a pix2pix recipe; the defaults are the paper's."""

    objective: Literal["l1", "gan", "cgan", "l1+gan", "l1+cgan"] = "l1+cgan"
    l1: float = 100.0  # weight of the L1 term
    feature_matching: float = 0.0  # weight of the distance of the discriminator's maps (pix2pixHD, equation 4)
    order: Literal["alternating", "simultaneous"] = (
        "alternating"  # the generator meets the updated discriminator or not
    )
    adversary: Literal["vanilla", "least-squares", "hinge", "wasserstein"] = "vanilla"
    gradient_penalty: float = 10.0  # weight of the penalty; used by the Wasserstein adversary only
    generator: Literal["unet", "encoder-decoder", "resnet"] = "unet"
    depth: int = 0  # levels of the U-Net or encoder-decoder; 0 = as many as the crop size allows, at most 8
    blocks: int = 9  # residual blocks of the ResNet generator
    width: int = 64  # channels of the first layer
    norm: Literal["batch", "instance", "none"] = "batch"
    statistics: Literal["picture", "running"] = "picture"  # of batch norm at test time; "picture" is the paper's
    dropout: tuple[int, ...] = (1, 2, 3)  # decoder levels with dropout; the PyTorch code has (2, 3, 4)
    dropout_at_test: bool = True  # the paper's only source of noise
    upsample: Literal["transposed", "resize", "shuffle"] = "transposed"
    bottleneck_norm: bool = False  # the paper's experiments had it, its released code does not
    bias: Literal["auto", "all"] = "auto"
    discriminator_layers: int = 3  # 0 to 6: receptive fields 1, 16, 34, 70, 142, 286, 574
    discriminator_width: int = 64
    discriminator_norm: Literal["batch", "instance", "none"] = "batch"

    def __post_init__(self) -> None:
        if not 0 <= self.discriminator_layers <= 6:
            raise UsageError(f"options.discriminator_layers is {self.discriminator_layers}; choose 0 (PixelGAN) to 6.")
        if self.width < 1 or self.discriminator_width < 1 or self.blocks < 1:
            raise UsageError("options.width, options.discriminator_width and options.blocks must be at least 1.")
        for name in ("l1", "feature_matching", "gradient_penalty"):
            if getattr(self, name) < 0:
                raise UsageError(
                    f"options.{name} is {getattr(self, name)}; it may not be negative, and 0 turns it off."
                )


LEVELS, INNERMOST = 5, 8
"""A U-Net of fewer levels sees its picture as a whole only if its innermost maps are at most so many pixels wide."""


def depth_for(size: tuple[int, int], wanted: int) -> int:
    """Levels for pictures of ``size`` (height, width): as published 8 for 256 and 7 for 128, never more than 8.

    Raises:
        UsageError: when the sides cannot be halved as often as wanted, or, where nothing is wanted, often enough.
    """
    deepest = min(side & -side for side in size).bit_length() - 1  # the power of two that divides both sides
    shown = f"{size[0]}x{size[1]}"
    if wanted and (wanted > deepest or wanted < 2):
        raise UsageError(
            f"options.depth is {wanted}: a U-Net halves both sides once for each of its two or more levels, and data.crop_size is "
            f"{shown}, which can be halved {deepest} times; choose another options.depth or a crop size such as 128 or 256."
        )
    depth = wanted or min(deepest, 8)
    if not wanted and (depth < 2 or (depth < LEVELS and min(size) >> depth > INNERMOST)):
        raise UsageError(
            f"data.crop_size is {shown}, whose sides a U-Net can halve only {deepest} times, which leaves it nearly blind to the whole "
            f"picture; choose a multiple of 32 such as 64, 96 or 128, or set options.depth."
        )
    return depth


def generator_spec(options: Pix2PixOptions, channels_in: int, channels_out: int, size: tuple[int, int]) -> NetworkSpec:
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
