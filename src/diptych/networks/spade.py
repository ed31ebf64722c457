"""The networks of SPADE (Park et al., CVPR 2019, arXiv 1903.07291), as in the authors' code: the generator, which is told the
semantic map at every scale, and the encoder that finds a picture's style.

Spectral normalisation is where that code has it: on the convolutions of the residual blocks and of the encoder.
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
ParameterFreeNorm = Literal["batch", "instance"]
MULTIPLES: dict[Depth, int] = {"normal": 32, "more": 64, "most": 128}
"""By which height and width are divisible, and so many times smaller the first map is."""
ENCODED = 256
"""Side to which pictures are resized for the encoder."""


def parameter_free_norm(norm: ParameterFreeNorm, channels: int) -> nn.Module:
    return SyncBatchNorm(channels) if norm == "batch" else InstanceNorm(channels)


class SPADENorm(nn.Module):
    """The SPADE layer: a norm without parameters, then a scale and a shift for every pixel, read off the semantic map."""

    def __init__(self, channels: int, maps: int, norm: ParameterFreeNorm, kernel: int, hidden: int) -> None:
        super().__init__()
        self.norm = parameter_free_norm(norm, channels)
        self.shared = nn.Conv2d(maps, hidden, kernel, padding=kernel // 2)
        self.gamma = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)
        self.beta = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)

    def forward(self, features: Maps, maps: Maps) -> Maps:
        shared = functional.relu(self.shared(functional.interpolate(maps, features.shape[2:], mode="nearest")))
        modulated: Maps = self.norm(features) * (1 + self.gamma(shared)) + self.beta(shared)
        return modulated


class SPADEBlock(nn.Module):
    """Two modulated convolutions, and a learnt shortcut where the number of channels changes."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        maps: int,
        norm: ParameterFreeNorm,
        kernel: int,
        hidden: int,
        spectral: bool,
    ) -> None:
        super().__init__()
        middle = min(channels_in, channels_out)
        self.modulate = nn.ModuleList(
            [SPADENorm(channels, maps, norm, kernel, hidden) for channels in (channels_in, middle)]
        )
        self.filter = nn.ModuleList(
            [
                convolution(spectral, channels_in, middle, 3, padding=1),
                convolution(spectral, middle, channels_out, 3, padding=1),
            ]
        )
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
            layers += [
                convolution(spectral, channels, factor * width, 3, 2, 1, bias=False),
                InstanceNorm(factor * width),
            ]
            layers += [nn.LeakyReLU(0.2)]
            channels = factor * width
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
        size: height and width of the training crops; only a style's first map depends on it.
        width: channels of the last but one scale; the first has sixteen times this.
        depth: "normal" enlarges 2^5 times, "more" 2^6, "most" 2^7 with another block.
        style: numbers that make a picture's style; 0 = no encoder, and the first map is the semantic map's.
        norm: without parameters; "batch" is over all processes.
        kernel, hidden: of the SPADE layers.
        spectral: normalise as the authors' code does.
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
        norm: ParameterFreeNorm = "batch",
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
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                xavier_init(module)

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
        """One style from N(0, 1) for a whole batch, so that a picture comes out as it would alone."""
        return normal(self.style, device)[None].expand(count, -1)

    def first_map(self, maps: Maps, style: Tensor | None) -> Maps:
        """The first map, a ``multiple``-th of the picture's size."""
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
        """Translate; ``style`` is (batch, style), drawn where it is not given."""
        maps = self.semantics(source)
        features = self.first_map(maps, style)
        # Doubled before every block but the first, and not before the third where the generator is shallow.
        for number, block in enumerate(self.blocks):
            if number and (number != 2 or self.depth != "normal"):
                features = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = block(features, maps)
        painted: Maps = torch.tanh(self.last(functional.leaky_relu(features, 0.2)))
        return painted


def xavier_init(module: nn.Conv2d | nn.Linear, gain: float = 0.02) -> None:
    """The authors' initial weights; biases 0."""
    nn.init.xavier_normal_(module.weight, gain)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
