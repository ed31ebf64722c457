"""The generator of BicycleGAN (Zhu et al., NeurIPS 2017): a U-Net that takes a style, and the encoder that finds a picture's."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional

from diptych.networks.bicycle.encoder import StyleResNet, blocks_for
from diptych.networks.blocks import Maps
from diptych.networks.unet import UNet


class StyleUNet(UNet):
    """A UNet whose styles can be taken from pictures; arguments that are not named here are the UNet's.

    Args:
        size: (height, width) of the training crops, at which pictures are encoded.
        style: numbers of a style.
        encoder_width: channels of the encoder's first layer.
    """

    def __init__(
        self,
        channels_in: int = 3,
        channels_out: int = 3,
        *,
        size: Sequence[int] = (256, 256),
        style: int = 8,
        encoder_width: int = 64,
        **unet: Any,
    ) -> None:
        super().__init__(channels_in, channels_out, style=style, **unet)
        height, width = size
        self.size = (height, width)
        self.encoder = StyleResNet(channels_out, style, width=encoder_width, blocks=blocks_for(self.size))

    def encode(self, pictures: Maps) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the pictures' styles, (batch, style) each."""
        found: tuple[Tensor, Tensor] = self.encoder(pictures)
        return found

    def style_of(self, source: Tensor, picture: Maps) -> Tensor:
        """The mean style of ``picture``, of any size, for every picture of ``source``."""
        if tuple(picture.shape[2:]) != self.size:
            picture = functional.interpolate(picture, self.size, mode="bilinear", antialias=True)
        return self.encode(picture)[0].expand(len(source), -1)
