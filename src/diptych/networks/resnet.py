"""The ResNet generator of CycleGAN (Zhu et al. 2017, section 7.2; Johnson et al. 2016), and the layers of its kind."""

from collections.abc import Callable, Iterable

from torch import nn

from diptych.networks.blocks import (
    Bias,
    Dropout,
    Maps,
    Norm,
    ReflectionPad,
    Residual,
    Statistics,
    Upsampling,
    depthwise,
    needs_bias,
    norm_layer,
    upsampling,
)

After = Callable[[int], list[nn.Module]]
"""From a number of channels to the norm and activation after a convolution."""


def conv7x7(channels_in: int, channels_out: int, bias: bool = True) -> list[nn.Module]:
    """A 7x7 convolution with reflected borders."""
    return [ReflectionPad(3), nn.Conv2d(channels_in, channels_out, 7, bias=bias)]


def down(channels: int, after: After, bias: bool = True) -> list[nn.Module]:
    """Halve both sides and double the channels."""
    return [nn.Conv2d(channels, 2 * channels, 3, 2, 1, bias=bias), *after(2 * channels)]


def up(channels: int, after: After, upsample: Upsampling, bias: bool = True) -> list[nn.Module]:
    """Double both sides and halve the channels."""
    out = channels // 2
    transposed = nn.ConvTranspose2d(channels, out, 3, 2, 1, output_padding=1, bias=bias)
    return [upsampling(upsample, channels, out, bias, transposed), *after(out)]


def resnet_layers(
    channels_in: int,
    width: int,
    downs: int,
    blocks: Iterable[nn.Module],  # an iterator: they are built here, so that weights are drawn in the layers' order
    after: After,
    upsample: Upsampling,
    bias: bool = True,
) -> list[nn.Module]:
    """c7s1-width, ``downs`` halvings, residual blocks, as many doublings; without the last convolution."""
    layers = [*conv7x7(channels_in, width, bias), *after(width)]
    for level in range(downs):
        layers += down(width * 2**level, after, bias)
    layers += blocks
    for level in reversed(range(downs)):
        layers += up(width * 2 ** (level + 1), after, upsample, bias)
    return layers


def residual_block(
    channels: int,
    norm: Norm,
    statistics: Statistics,
    affine: bool,
    bias: bool,
    dropout: list[Dropout],
    separable: bool = False,
) -> Residual:
    """Two 3x3 convolutions with reflected borders, added to the input.

    With ``separable`` each is a depthwise one, a norm, and a 1x1 one (Li et al. 2020, GAN Compression's code).
    """

    def normed() -> nn.Module:
        return norm_layer(norm, channels, statistics, affine)

    def convolution() -> list[nn.Module]:
        if separable:
            return [depthwise(channels, 3, bias=bias), normed(), nn.Conv2d(channels, channels, 1, bias=bias)]
        return [nn.Conv2d(channels, channels, 3, bias=bias)]

    first = [ReflectionPad(1), *convolution(), normed(), nn.ReLU()]
    return Residual(*first, *dropout, ReflectionPad(1), *convolution(), normed())


class ResNet(nn.Module):
    """c7s1-64, d128, d256, residual blocks, u128, u64, c7s1-3: pictures in [-1, 1] to pictures in [-1, 1].

    Args:
        channels_in, channels_out: independent of each other.
        blocks: residual blocks; 6 for 128x128 and 9 from 256x256 on in the paper.
        width: channels of the first layer.
        norm: "instance" is the paper's.
        statistics: of batch norm at test time.
        affine: instance norm with weight and bias, as in the Torch code; the PyTorch code has none.
        dropout: between the two convolutions of each block.
        dropout_at_test: keep dropout when translating.
        upsample: "transposed" is the paper's.
        bias: "auto" gives a convolution a bias unless batch norm follows.
        separable: the blocks' convolutions are a depthwise and a 1x1 one, for students (``diptych shrink``).
    """

    multiple = 4
    min_size = 8  # the residual blocks' reflection padding needs two pixels

    def __init__(
        self,
        channels_in: int = 3,
        channels_out: int = 3,
        *,
        blocks: int = 9,
        width: int = 64,
        norm: Norm = "instance",
        statistics: Statistics = "picture",
        affine: bool = False,
        dropout: bool = False,
        dropout_at_test: bool = True,
        upsample: Upsampling = "transposed",
        bias: Bias = "auto",
        separable: bool = False,
    ) -> None:
        super().__init__()
        has_bias = needs_bias(norm, bias)

        def after(channels: int) -> list[nn.Module]:
            return [norm_layer(norm, channels, statistics, affine), nn.ReLU()]

        def block() -> Residual:
            noise = [Dropout(0.5, dropout_at_test)] if dropout else []
            return residual_block(4 * width, norm, statistics, affine, has_bias, noise, separable)

        made = (block() for _ in range(blocks))
        layers = resnet_layers(channels_in, width, 2, made, after, upsample, has_bias)
        self.layers = nn.Sequential(*layers, *conv7x7(width, channels_out), nn.Tanh())
        # After the second halving, and after each third of the blocks, as in GAN Compression (Li et al. 2020).
        self.taps = tuple(f"layers.{place}" for place in dict.fromkeys(9 + -(-blocks * part // 3) for part in range(4)))

    def forward(self, source: Maps) -> Maps:
        result: Maps = self.layers(source)
        return result
