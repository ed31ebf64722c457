"""The PatchGAN discriminators of pix2pix (Isola et al. 2017, section 6.1.2), from PixelGAN to ImageGAN."""

from torch import nn

from diptych.errors import UsageError
from diptych.networks.blocks import (
    Bias,
    InstanceNorm,
    Maps,
    Norm,
    discriminator_layer,
    downsample,
    needs_bias,
    norm_layer,
)
from diptych.networks.contrastive.resampling import BlurDown
from diptych.networks.spectral import convolution


class PatchGAN(nn.Module):
    """Pictures, of sides of ``min_size`` or more, to a map of logits, one for each patch.

    ``layers`` strided convolutions set the receptive field: 0 gives 1 (PixelGAN, all convolutions 1x1), then 16, 34, 70
    (the default), 142, 286 (the paper's ImageGAN), 574.

    Args:
        channels_in: of the picture, and of its source where the discriminator is conditional.
        layers: 0 to 6.
        width: channels of the first layer; they double up to eight times this.
        norm: not on the first and the last convolution.
        bias: "auto" leaves convolutions before batch norm without one; the first and last of a PatchGAN always have
            one, the last of a PixelGAN follows the rule (PyTorch code).
        antialiased: halve by blurring behind the activation, not by strides (CUT's code); from 1 layer on the fields are 18, 40, 84,
            172, 348, 700.
    """

    multiple = 1

    def __init__(
        self,
        channels_in: int,
        *,
        layers: int = 3,
        width: int = 64,
        norm: Norm = "batch",
        bias: Bias = "auto",
        antialiased: bool = False,
    ) -> None:
        super().__init__()
        # Each of the two unstrided convolutions takes one pixel off the map that the strided ones leave.
        self.min_size = 3 * 2**layers if layers else 1
        if not 0 <= layers <= 6:
            raise UsageError(f"a PatchGAN has 0 (PixelGAN) to 6 layers, not {layers}.")
        has_bias = needs_bias(norm, bias)
        if layers == 0:
            self.layers = nn.Sequential(
                nn.Conv2d(channels_in, width, 1),
                nn.LeakyReLU(0.2),
                nn.Conv2d(width, 2 * width, 1, bias=has_bias),
                norm_layer(norm, 2 * width, "running"),
                nn.LeakyReLU(0.2),
                nn.Conv2d(2 * width, 1, 1, bias=has_bias),
            )
            return
        halving = 1 if antialiased else 2
        stack: list[nn.Module] = [nn.Conv2d(channels_in, width, 4, halving, 1), nn.LeakyReLU(0.2)]
        channels = width
        for number in range(1, layers + 1):
            stack += [BlurDown(channels)] if antialiased else []
            out, stride = width * min(2**number, 8), halving if number < layers else 1
            stack += discriminator_layer(channels, out, 4, stride, norm, has_bias)
            channels = out
        self.layers = nn.Sequential(*stack, nn.Conv2d(channels, 1, 4, 1, 1))

    def forward(self, pictures: Maps) -> Maps:
        logits: Maps = self.layers(pictures)
        return logits

    def maps(self, pictures: Maps) -> list[Maps]:
        """The map after each activation, and the logits last."""
        found: list[Maps] = []
        # The hooks stay for this pass alone: with activation checkpointing the layers run again in backward.
        activations = [layer for layer in self.layers if isinstance(layer, nn.LeakyReLU)]
        hooks = [layer.register_forward_hook(lambda *call: found.append(call[2])) for layer in activations]
        try:
            logits = self(pictures)
            return [*found, logits]
        finally:
            for hook in hooks:
                hook.remove()


WIDEST = 512
"""The most channels of a layer in MultiScale."""


class MultiScale(nn.Module):
    """Equal PatchGANs on a pyramid of the pictures (pix2pixHD, section 3.2; SPADE adds spectral normalisation).

    Returns for each scale, the full resolution first, the maps of its layers; the last are the logits.

    Args:
        channels_in: of the picture and its semantic maps.
        scales: how many discriminators.
        layers: strided and unstrided convolutions after the first, as for a PatchGAN.
        width: channels of the first layer; they double up to 512 (both authors' codes).
        spectral: spectral normalisation of the convolutions before a norm, which then have no bias (SPADE's code).
    """

    def __init__(
        self, channels_in: int, *, scales: int = 2, layers: int = 3, width: int = 64, spectral: bool = False
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList([self.one(channels_in, layers, width, spectral) for _ in range(scales)])

    @staticmethod
    def one(channels_in: int, layers: int, width: int, spectral: bool) -> nn.ModuleList:
        """One discriminator. Its convolutions are padded by 2; those of pix2pix by 1."""
        stack = [nn.Sequential(nn.Conv2d(channels_in, width, 4, 2, 2), nn.LeakyReLU(0.2))]
        channels = width
        for number in range(1, layers + 1):
            out, stride = min(2 * channels, WIDEST), 2 if number < layers else 1
            filtered = convolution(spectral, channels, out, 4, stride, 2, bias=not spectral)
            stack.append(nn.Sequential(filtered, InstanceNorm(out), nn.LeakyReLU(0.2)))
            channels = out
        return nn.ModuleList([*stack, nn.Conv2d(channels, 1, 4, 1, 2)])

    def forward(self, pictures: Maps) -> list[list[Maps]]:
        judged = []
        for number, scale in enumerate(self.scales):
            pictures = downsample(pictures) if number else pictures
            maps = [pictures]
            assert isinstance(scale, nn.ModuleList)
            for layer in scale:
                maps.append(layer(maps[-1]))
            judged.append(maps[1:])
        return judged
