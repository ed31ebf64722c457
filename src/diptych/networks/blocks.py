"""Layers that several networks share. Their behaviour at test time is an argument, never switched later."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks import noise
from diptych.networks.statistics import batch_norm

Norm = Literal["batch", "instance", "none"]
Statistics = Literal["picture", "running"]
Upsampling = Literal["transposed", "resize", "shuffle"]
Bias = Literal["auto", "all"]
Maps = Float[Tensor, "batch channels height width"]
PICTURE_NORM: ContextVar[Callable[["BatchNorm | InstanceNorm", Tensor], Tensor] | None] = ContextVar(
    "norm", default=None
)
"""Replaces normalisation by each picture's statistics, for translation in tiles; of this thread alone."""


Module = TypeVar("Module", bound=nn.Module)


class Residual(nn.Module):
    """Layers whose output is added to their input; nothing follows the sum."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, maps: Maps) -> Maps:
        total: Maps = maps + self.layers(maps)
        return total


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation with a choice of statistics at test time.

    Training uses the statistics of the batch. At test time "picture" uses those of each picture, as the pix2pix paper does
    with its test batches of one; "running" uses the running averages.
    On a 1x1 map of one picture the variance is zero, so the output is the bias; torch's layer raises an error there.
    """

    def __init__(self, channels: int, statistics: Statistics = "picture") -> None:
        super().__init__(channels)
        self.statistics = statistics

    def forward(self, maps: Maps) -> Maps:
        if self.training:
            return norm_of_batch(self, maps, self.weight)
        if self.statistics == "running":
            return super().forward(maps)
        return picture_norm(self, maps)


class InstanceNorm(nn.InstanceNorm2d):
    """Instance normalisation that also takes 1x1 maps, where its output is the bias."""

    def forward(self, maps: Maps) -> Maps:
        return picture_norm(self, maps)


def picture_norm(layer: BatchNorm | InstanceNorm, maps: Maps) -> Maps:
    """Normalise with the statistics of each picture, or by ``PICTURE_NORM`` where it is set."""
    replacement = PICTURE_NORM.get()
    return replacement(layer, maps) if replacement else instance_norm(maps, layer.weight, layer.bias, layer.eps)


def instance_norm(maps: Maps, weight: Tensor | None, bias: Tensor | None, eps: float) -> Maps:
    """Normalise each channel of each picture by its own mean and (biased) variance.

    A single picture takes batch norm, which computes the same. torch 2.13's instance norm silently returns wrong gradients
    for one picture in channels-last layout on a CPU (docs/decisions.md).
    """
    if torch.compiler.is_exporting():  # sizes are symbols there, and gradients are not needed
        return torch.instance_norm(maps, weight, bias, None, None, True, 0.1, eps, False)
    if maps.shape[-1] * maps.shape[-2] > 1:
        if len(maps) == 1:
            return batch_norm(maps, None, None, weight, bias, 0.0, eps)
        return functional.instance_norm(maps, weight=weight, bias=bias, eps=eps)
    return norm_of_single_values(maps, weight, bias)


def norm_of_single_values(maps: Maps, weight: Tensor | None, bias: Tensor | None) -> Maps:
    """The norm of single values: each is its own mean, so zero before scale and bias."""
    result = 0 * maps
    for values, combine in ((weight, torch.mul), (bias, torch.add)):
        if values is not None:
            result = combine(result, values.to(maps.dtype).view(1, -1, 1, 1))
    return result


def norm_of_batch(layer: nn.BatchNorm2d, maps: Maps, weight: Tensor | None) -> Maps:
    """Normalise by the statistics of the batch and update the running averages."""
    if maps.numel() == maps.shape[1]:
        return norm_of_single_values(maps, weight, layer.bias)
    if layer.num_batches_tracked is not None:
        layer.num_batches_tracked.add_(1)
    return batch_norm(maps, layer.running_mean, layer.running_var, weight, layer.bias, layer.momentum or 0.0, layer.eps)


def norm_layer(norm: Norm, channels: int, statistics: Statistics = "picture", affine: bool = False) -> nn.Module:
    """The layer that ``norm`` names. Batch norm is always affine; ``affine`` is for instance norm."""
    if norm == "batch":
        return BatchNorm(channels, statistics)
    if norm == "instance":
        return InstanceNorm(channels, affine=affine)
    return nn.Identity()


def needs_bias(norm: Norm, bias: Bias) -> bool:
    """Whether a convolution before ``norm`` has a bias: with "auto" not before batch norm, which has its own."""
    return bias == "all" or norm != "batch"


def discriminator_layer(
    channels: int, out: int, kernel: int, stride: int, norm: Norm, bias: bool
) -> tuple[nn.Conv2d, nn.Module, nn.LeakyReLU]:
    """Convolution padded by 1, norm with running statistics, leaky ReLU."""
    convolution = nn.Conv2d(channels, out, kernel, stride, 1, bias=bias)
    return convolution, norm_layer(norm, out, "running"), nn.LeakyReLU(0.2)


class ReflectionPad(nn.ReflectionPad2d):
    """Reflection padding in the precision of its maps; on a CPU, autocast would widen them needlessly.

    On a GPU torch's backward pass is not deterministic. With deterministic algorithms, borders are concatenated as slices.
    """

    def forward(self, maps: Maps) -> Maps:
        if maps.device.type != "cpu":
            left, right, top, bottom = self.padding
            fits = max(left, right) < maps.shape[3] and max(top, bottom) < maps.shape[2]
            if fits and torch.are_deterministic_algorithms_enabled():
                return reflect_side(reflect_side(maps, 3, left, right), 2, top, bottom)
            return super().forward(maps)
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(maps)
        with torch.autocast("cpu", enabled=False):
            return super().forward(maps)


def reflect_side(maps: Maps, side: int, before: int, after: int) -> Maps:
    """Reflect along one side by slices, whose backward pass adds in a fixed order."""
    first = maps.narrow(side, 1, before).flip(side)
    last = maps.narrow(side, maps.shape[side] - 1 - after, after).flip(side)
    return torch.cat([first, maps, last], side)


class Dropout(nn.Module):
    """Dropout that ``at_test`` keeps at test time, where it is the only noise of pix2pix.

    At test time the pictures of a batch share one mask, so a picture's result does not depend on the batch. The mask is a
    function of the seed (``diptych.networks.noise``).
    """

    def __init__(self, probability: float = 0.5, at_test: bool = True) -> None:
        super().__init__()
        self.probability = probability
        self.at_test = at_test

    def forward(self, maps: Maps) -> Maps:
        if self.training:
            return functional.dropout(maps, self.probability, training=True)
        if not self.at_test:
            return maps
        keep = 1 - self.probability
        return maps * (noise.dropout_mask(maps, keep) / keep)


def depthwise(channels: int, kernel: int, stride: int = 1, padding: int = 0, bias: bool = True) -> nn.Conv2d:
    """A convolution of each channel alone; with a 1x1 convolution it makes a separable one (Howard et al. 2017, MobileNets)."""
    return nn.Conv2d(channels, channels, kernel, stride, padding, groups=channels, bias=bias)


def upsampling_separable(kind: Upsampling, channels_in: int, channels_out: int, bias: bool) -> nn.Module:
    """``upsampling`` by separable convolutions, whose 1x1 convolution is of the small maps, where it costs a quarter."""
    if kind == "shuffle":
        mixed = nn.Conv2d(channels_in, 4 * channels_out, 1, bias=bias)
        return nn.Sequential(depthwise(channels_in, 3, 1, 1, bias), mixed, nn.PixelShuffle(2))
    mixed = nn.Conv2d(channels_in, channels_out, 1, bias=bias)
    if kind == "resize":
        enlarged = nn.Upsample(scale_factor=2, mode="nearest")
        return nn.Sequential(mixed, enlarged, depthwise(channels_out, 3, 1, 1, bias))
    return nn.Sequential(mixed, nn.ConvTranspose2d(channels_out, channels_out, 4, 2, 1, groups=channels_out, bias=bias))


def upsampling(kind: Upsampling, channels_in: int, channels_out: int, bias: bool, transposed: nn.Module) -> nn.Module:
    """Double the height and width: by ``transposed`` as given, or without its checkerboard artifacts.

    "resize" is nearest-neighbour upsampling and a 3x3 convolution (Odena et al. 2016); "shuffle" is a 3x3 convolution to
    four times the channels and a pixel shuffle (Shi et al. 2016).
    """
    if kind == "resize":
        convolution = nn.Conv2d(channels_in, channels_out, 3, 1, 1, bias=bias)
        return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), convolution)
    if kind == "shuffle":
        return nn.Sequential(nn.Conv2d(channels_in, 4 * channels_out, 3, 1, 1, bias=bias), nn.PixelShuffle(2))
    return transposed


def downsample(maps: Tensor) -> Tensor:
    """3x3 average pooling with stride 2, padding not counted: the input pyramid of pix2pixHD and SPADE."""
    return functional.avg_pool2d(maps, 3, 2, 1, count_include_pad=False)


def channels_last(network: Module, device: torch.device | None = None) -> Module:
    """The network on ``device`` with its weights in channels-last layout, in which convolutions are fastest."""
    moved: Module = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub lacks it
    return moved


def initialise(network: Module, gain: float = 0.02, biases: bool = True) -> Module:
    """Draw weights from N(0, gain^2) and norm weights from N(1, gain^2); set biases to 0. Returns the network.

    Without ``biases``, those keep torch's initialisation (pix2pixHD's code).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, gain)
        elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, gain)
        else:
            continue
        if module.bias is not None and biases:
            nn.init.zeros_(module.bias)
    return network
