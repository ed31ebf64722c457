"""The generator of CUT (Park et al., ECCV 2020, arXiv 2007.15651): CycleGAN's ResNet with anti-aliased resampling."""

from torch import nn

from diptych.networks.blocks import InstanceNorm, Maps, Residual
from diptych.networks.contrastive.resampling import BlurDown, BlurUp
from diptych.networks.resnet import conv7x7, residual_block

FEATURES_END = 5
"""The residual block after which the last features are taken; the last block of a shallower network."""


class AntialiasedResNet(nn.Module):
    """Pictures in [-1, 1] to pictures in [-1, 1], with the features of its encoder.

    Features are the padded picture, the two convolutions before the halvings, and the first and fifth residual block. They are
    taken between the ``stages``, so none is addressed by the index of a layer.

    Args:
        channels_in, channels_out: independent of each other; only equal ones let it look at its own translations.
        blocks: residual blocks, 1 or more; 9 as published.
        width: channels of the first layer.
    """

    multiple = 4
    min_size = 8  # the residual blocks' reflection padding needs two pixels

    def __init__(self, channels_in: int = 3, channels_out: int = 3, *, blocks: int = 9, width: int = 64) -> None:
        super().__init__()

        def filtered(channels: int, out: int) -> list[nn.Module]:
            return [nn.Conv2d(channels, out, 3, 1, 1), *after(out)]

        pad, first = conv7x7(channels_in, width)
        down_1, *after_down_1 = filtered(width, 2 * width)
        down_2, *after_down_2 = filtered(2 * width, 4 * width)
        residual = [block(4 * width) for _ in range(blocks)]
        decoder = [BlurUp(), *filtered(4 * width, 2 * width), BlurUp(), *filtered(2 * width, width)]
        stages: list[list[nn.Module]] = [
            [pad],
            [first, *after(width), down_1],
            [*after_down_1, BlurDown(2 * width), down_2],
            [*after_down_2, BlurDown(4 * width), *residual[:1]],
            [*residual[1:FEATURES_END]],
            [*residual[FEATURES_END:], *decoder, *conv7x7(width, channels_out), nn.Tanh()],
        ]
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages if stage)
        widths = [channels_in, 2 * width, 4 * width, 4 * width, 4 * width]
        self.feature_channels = tuple(widths[: len(self.stages) - 1])

    def features(self, pictures: Maps) -> list[Maps]:
        """The encoder's maps, of ``feature_channels``; the layers behind them are not run."""
        found = [pictures]
        for stage in self.stages[:-1]:
            found.append(stage(found[-1]))
        return found[1:]

    def with_features(self, source: Maps) -> tuple[Maps, list[Maps]]:
        """The translation, and the features of the source in the same pass."""
        found = self.features(source)
        return self.stages[-1](found[-1]), found

    def forward(self, source: Maps) -> Maps:
        return self.with_features(source)[0]


def after(channels: int) -> list[nn.Module]:
    return [InstanceNorm(channels), nn.ReLU()]


def block(channels: int) -> Residual:
    return residual_block(channels, "instance", "picture", affine=False, bias=True, dropout=[])
