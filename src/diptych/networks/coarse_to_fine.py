"""The generator of pix2pixHD (Wang et al., CVPR 2018, arXiv 1711.11585): global generator, local enhancers, encoder."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from diptych.networks.blocks import Maps, Norm, Upsampling, downsample, norm_layer
from diptych.networks.resnet import After, conv7x7, down, residual_block, resnet_layers, up
from diptych.networks.semantics import Semantics, StyleBank, instance_means


def norm_relu(norm: Norm) -> After:
    return lambda channels: [norm_layer(norm, channels), nn.ReLU()]


def residual_blocks(channels: int, norm: Norm, count: int) -> Iterator[nn.Module]:
    return (residual_block(channels, norm, "picture", affine=False, bias=True, dropout=[]) for _ in range(count))


class Encoder(nn.Module):
    """Pictures to feature maps, averaged over each instance (section 3.4)."""

    def __init__(self, channels_in: int, features: int, width: int, norm: Norm, upsample: Upsampling) -> None:
        super().__init__()
        layers = resnet_layers(channels_in, width, 4, [], norm_relu(norm), upsample)
        self.layers = nn.Sequential(*layers, *conv7x7(width, features), nn.Tanh())

    def forward(self, pictures: Maps, regions: Tensor) -> Maps:
        return instance_means(self.layers(pictures).float(), regions)


class CoarseToFine(nn.Module):
    """Labels or plain pictures to pictures in [-1, 1].

    Args:
        channels_in: of plain pictures.
        channels_out: of the result.
        classes, unknown, boundary: of labels, see Semantics.
        width: of the global generator; enhancer n has ``width / 2^n``.
        downs, blocks: of the global generator.
        enhancers: local enhancers, each doubling the resolution of the one before.
        enhancer_blocks: residual blocks of each.
        features: dimensions of an instance's style; 0 = no encoder.
        encoder_width: of its first layer.
        norm: "instance" is the paper's.
        upsample: "transposed" is the paper's.
    """

    style_by_class = True

    def __init__(
        self,
        channels_in: int = 3,
        channels_out: int = 3,
        *,
        classes: int = 0,
        unknown: bool = False,
        boundary: bool = False,
        width: int = 64,
        downs: int = 4,
        blocks: int = 9,
        enhancers: int = 0,
        enhancer_blocks: int = 3,
        features: int = 0,
        encoder_width: int = 16,
        norm: Norm = "instance",
        upsample: Upsampling = "transposed",
    ) -> None:
        super().__init__()
        self.multiple = 2 ** max(downs + enhancers, 4 if features else 0)
        # The residual blocks' reflection padding needs two pixels.
        self.min_size = max(self.multiple, 2 ** (downs + enhancers + 1))
        self.semantics = Semantics(channels_in, classes=classes, unknown=unknown, boundary=boundary)
        seen = self.semantics.channels + features
        after, made = norm_relu(norm), residual_blocks(width * 2**downs, norm, blocks)
        self.coarse = nn.Sequential(*resnet_layers(seen, width, downs, made, after, upsample))
        self.fronts, self.backs = nn.ModuleList(), nn.ModuleList()
        for number in range(1, enhancers + 1):
            fine = width // 2**number
            self.fronts.append(nn.Sequential(*conv7x7(seen, fine), *after(fine), *down(fine, after)))
            rest = residual_blocks(2 * fine, norm, enhancer_blocks)
            self.backs.append(nn.Sequential(*rest, *up(2 * fine, after, upsample)))
        self.head = nn.Sequential(*conv7x7(width // 2**enhancers, channels_out), nn.Tanh())
        self.encoder = Encoder(channels_out, features, encoder_width, norm, upsample) if features else None
        self.styles = StyleBank(max(self.semantics.labels, 1), features) if features else None

    def encode(self, source: Tensor, picture: Maps) -> Maps:
        """The style of each instance of ``picture``, (batch, features, H, W)."""
        assert self.encoder is not None
        encoded: Maps = self.encoder(picture, self.semantics.regions(source))
        return encoded

    def remember(self, source: Tensor, encoded: Maps) -> None:
        """Keep styles in the bank, from which translation samples."""
        assert self.styles is not None
        self.styles.remember(encoded, self.semantics.classes_of(source), self.semantics.regions(source))

    def sample_style(self, source: Tensor, chosen: dict[int, int] | None = None) -> Maps:
        """Sample each instance's style from its class's clusters; ``chosen`` is the cluster by class, where given."""
        assert self.styles is not None
        regions = self.semantics.regions(source)
        return self.styles.draw(self.semantics.classes_of(source), regions, source.shape[2:], chosen)

    @property
    def has_style(self) -> bool:
        return self.encoder is not None

    def style_of(self, source: Tensor, picture: Maps) -> Maps:
        """The style of each instance of ``source``, encoded from ``picture`` of any size."""
        return self.encode(source, nn.functional.interpolate(picture, source.shape[2:], mode="bilinear"))

    @property
    def coarse_parts(self) -> tuple[str, ...]:
        """Paths of all but the outermost enhancer, the head and the encoder."""
        parts = (f"{part}.{number}" for part in ("fronts", "backs") for number in range(len(self.fronts) - 1))
        return ("coarse", *parts)

    def forward(self, source: Tensor, style: Maps | None = None, frozen: bool = False) -> Maps:
        """Translate.

        Args:
            source: labels or pictures.
            style: (batch, features, H, W); drawn where it is not given.
            frozen: ``coarse_parts`` are not trained, so their activations are kept for the style's gradient alone.
        """
        maps = self.semantics(source)
        if self.encoder is not None:
            maps = torch.cat([maps, self.sample_style(source) if style is None else style], 1)
        pyramid = [maps]
        for _ in self.fronts:
            pyramid.append(downsample(pyramid[-1]))
        with torch.set_grad_enabled(torch.is_grad_enabled() and (maps.requires_grad or not frozen)):
            last = self.coarse(pyramid.pop())
            for number in range(len(self.fronts) - 1):
                last = self.enhanced(last, pyramid.pop(), number)
        if self.fronts:
            last = self.enhanced(last, pyramid.pop(), -1)
        result: Maps = self.head(last)
        return result

    def enhanced(self, last: Maps, level: Maps, number: int) -> Maps:
        """One enhancer: from ``last`` to twice its resolution, that of ``level``."""
        finer: Maps = self.backs[number](self.fronts[number](level) + last)
        return finer
