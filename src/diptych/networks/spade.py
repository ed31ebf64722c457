"""The generator and the style encoder of SPADE (Park et al., CVPR 2019, arXiv 1903.07291), as in the authors' code.

The generator takes the semantic map at every scale. Spectral normalisation is on the convolutions of the residual blocks and
of the encoder, as in that code.
"""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks.blocks import InstanceNorm, Maps
from diptych.networks.noise import normal
from diptych.networks.semantics import Semantics
from diptych.networks.spectral import SyncBatchNorm, convolution

Depth = Literal["normal", "more", "most"]
FreeNorm = Literal["batch", "instance"]
MULTIPLES: dict[Depth, int] = {"normal": 32, "more": 64, "most": 128}
"""Height and width are divisible by this; the first map is this many times smaller."""
ENCODED = 256
"""Side of the encoder's input, to which pictures are resized."""


class SPADENorm(nn.Module):
    """The SPADE layer: a norm without parameters, then a scale and a bias for every pixel, computed from the semantic map."""

    def __init__(self, channels: int, maps: int, norm: FreeNorm, kernel: int, hidden: int) -> None:
        super().__init__()
        self.norm: nn.Module = SyncBatchNorm(channels) if norm == "batch" else InstanceNorm(channels)
        self.shared = nn.Conv2d(maps, hidden, kernel, padding=kernel // 2)
        self.gamma = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)
        self.beta = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)

    def forward(self, features: Maps, maps: Maps) -> Maps:
        shared = functional.relu(self.shared(functional.interpolate(maps, features.shape[2:], mode="nearest")))
        modulated: Maps = self.norm(features) * (1 + self.gamma(shared)) + self.beta(shared)
        return modulated


class SPADEBlock(nn.Module):
    """Two convolutions with SPADE norms, and a learned shortcut where the number of channels changes."""

    def __init__(
        self, channels_in: int, channels_out: int, maps: int, norm: FreeNorm, kernel: int, hidden: int, spectral: bool
    ) -> None:
        super().__init__()
        middle = min(channels_in, channels_out)
        self.modulate = nn.ModuleList(
            [SPADENorm(channels, maps, norm, kernel, hidden) for channels in (channels_in, middle)]
        )
        pairs = ((channels_in, middle), (middle, channels_out))
        self.filter = nn.ModuleList([convolution(spectral, into, out, 3, padding=1) for into, out in pairs])
        self.shortcut: nn.Module | None = None
        if channels_in != channels_out:
            self.shortcut_modulate = SPADENorm(channels_in, maps, norm, kernel, hidden)
            self.shortcut = convolution(spectral, channels_in, channels_out, 1, bias=False)

    def forward(self, features: Maps, maps: Maps) -> Maps:
        direct = features if self.shortcut is None else self.shortcut(self.shortcut_modulate(features, maps))
        for modulate, filter in zip(self.modulate, self.filter, strict=True):
            features = filter(functional.leaky_relu(modulate(features, maps), 0.2))
        total: Maps = direct + features
        return total


class StyleEncoder(nn.Module):
    """A picture to mean and log-variance of its style, each (batch, style)."""

    def __init__(self, channels_in: int, style: int, width: int, spectral: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = channels_in
        for factor in (1, 2, 4, 8, 8, 8):
            out = factor * width
            filtered = convolution(spectral, channels, out, 3, 2, 1, bias=False)
            layers += [filtered, InstanceNorm(out), nn.LeakyReLU(0.2)]
            channels = out
        self.layers = nn.Sequential(*layers, nn.Flatten())
        places = (ENCODED // 64) ** 2
        self.mean = nn.Linear(channels * places, style)
        self.log_variance = nn.Linear(channels * places, style)

    def forward(self, pictures: Maps) -> tuple[Tensor, Tensor]:
        if pictures.shape[2:] != (ENCODED, ENCODED):
            pictures = functional.interpolate(pictures, (ENCODED, ENCODED), mode="bilinear", align_corners=False)
        encoded = self.layers(pictures)
        return self.mean(encoded).float(), self.log_variance(encoded).float()


class SPADE(nn.Module):
    """Labels or plain pictures to pictures in [-1, 1].

    Args:
        channels_in: of plain pictures.
        channels_out: of the result.
        classes, unknown, boundary: of labels, see Semantics.
        size: height and width of the training crops, for the first map of a style.
        width: channels of the second to last scale; the first scale has sixteen times this.
        depth: "normal" enlarges 2^5 times, "more" 2^6, "most" 2^7 with another block.
        style: dimensions of a picture's style; 0 = no encoder, and the first map is computed from the semantic map.
        norm: without parameters; "batch" is synchronised over all processes.
        kernel, hidden: of the SPADE layers.
        spectral: spectral normalisation, as in the authors' code.
        encoder_width: of its first layer.
    """

    def __init__(
        self,
        channels_in: int = 3,
        channels_out: int = 3,
        *,
        classes: int = 0,
        unknown: bool = False,
        boundary: bool = False,
        size: tuple[int, int] = (256, 256),
        width: int = 64,
        depth: Depth = "normal",
        style: int = 0,
        norm: FreeNorm = "batch",
        kernel: int = 3,
        hidden: int = 128,
        spectral: bool = True,
        encoder_width: int = 64,
    ) -> None:
        super().__init__()
        self.semantics = Semantics(channels_in, classes=classes, unknown=unknown, boundary=boundary)
        maps = self.semantics.channels
        self.depth = depth
        self.multiple = self.min_size = MULTIPLES[depth]
        self.style = style
        self.start = (max(size[0] // self.multiple, 1), max(size[1] // self.multiple, 1))
        first = 16 * width
        self.first: nn.Module = (
            nn.Linear(style, first * self.start[0] * self.start[1]) if style else nn.Conv2d(maps, first, 3, padding=1)
        )
        channels = [first, first, first, first, 8 * width, 4 * width, 2 * width, width]
        channels += [width // 2] if depth == "most" else []
        self.blocks = nn.ModuleList(
            [SPADEBlock(into, out, maps, norm, kernel, hidden, spectral) for into, out in pairwise(channels)]
        )
        self.last = nn.Conv2d(channels[-1], channels_out, 3, padding=1)
        self.encoder = StyleEncoder(channels_out, style, encoder_width, spectral) if style else None
        xavier_init(self)

    def encode(self, pictures: Maps) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the pictures' styles."""
        assert self.encoder is not None
        found: tuple[Tensor, Tensor] = self.encoder(pictures)
        return found

    @property
    def has_style(self) -> bool:
        return self.style > 0

    def style_of(self, source: Tensor, picture: Maps) -> Tensor:
        """The mean style of ``picture``, of any size, for every picture of ``source``."""
        return self.encode(picture)[0].expand(len(source), -1)

    def sample_style(self, count: int, device: torch.device) -> Tensor:
        """One style from N(0, 1) for the whole batch, so that a picture's result does not depend on the batch."""
        return normal(self.style, device)[None].expand(count, -1)

    def first_map(self, maps: Maps, style: Tensor | None) -> Maps:
        """The first map, whose sides are the picture's over ``multiple``."""
        start = (maps.shape[2] // self.multiple, maps.shape[3] // self.multiple)
        if not self.style:
            first: Maps = self.first(functional.interpolate(maps, start, mode="nearest"))
            return first
        style = self.sample_style(maps.shape[0], maps.device) if style is None else style
        grown: Maps = self.first(style).unflatten(1, (-1, *self.start))
        if not torch.compiler.is_exporting() and start == self.start:  # sizes are symbols when exporting
            return grown
        return functional.interpolate(grown, start, mode="bilinear")

    def forward(self, source: Tensor, style: Tensor | None = None) -> Maps:
        """Translate. ``style`` is (batch, style); without it one is sampled."""
        maps = self.semantics(source)
        features = self.first_map(maps, style)
        # Doubled before every block but the first, and with depth "normal" not before the third.
        for number, block in enumerate(self.blocks):
            if number and (number != 2 or self.depth != "normal"):
                features = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = block(features, maps)
        painted: Maps = torch.tanh(self.last(functional.leaky_relu(features, 0.2)))
        return painted


def xavier_init(network: nn.Module, gain: float = 0.02) -> None:
    """Xavier initialisation of all its convolutions and matrices, as in the authors' code; biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_normal_(module.weight, gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
