"""The discriminators of BicycleGAN's code: PatchGANs on the picture and on its half, the second of half the width."""

from torch import nn

from diptych.networks.blocks import Maps, downsample
from diptych.networks.discriminators import PatchGAN


class TwoScales(nn.Module):
    """Pictures to two maps of logits, the full resolution first.

    Args:
        channels_in: of the picture, and of its source where the discriminator is conditional.
        layers: 1 to 6, as of a PatchGAN.
        width: channels of the first layer at full resolution.
    """

    multiple = 1

    def __init__(self, channels_in: int, *, layers: int = 3, width: int = 64) -> None:
        super().__init__()
        widths = (width, max(width // 2, 1))
        self.scales = nn.ModuleList(PatchGAN(channels_in, layers=layers, width=one, norm="instance") for one in widths)
        self.min_size = 2 * (3 << layers)

    def forward(self, pictures: Maps) -> list[Maps]:
        full, half = self.scales
        return [full(pictures), half(downsample(pictures))]
