"""The generator of OASIS (Sushko, Schönfeld et al., ICLR 2021, arXiv 2012.04781): SPADE's blocks, with noise in every layer.

The noise is a map of ``noise`` channels at the size of the picture ("3D noise"). It stands beside the one-hot class map wherever
SPADE takes that. In training one vector of N(0, 1) is drawn for each picture and spread over it.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks.blocks import Maps
from diptych.networks.noise import normal, normal_map, seeded
from diptych.networks.semantics import Semantics
from diptych.networks.spade import FreeNorm, SPADEBlock, xavier_init

NoiseBy = Literal["picture", "class", "place"]
WAYS: dict[str, NoiseBy] = {way: way for way in get_args(NoiseBy)}
FACTORS = (16, 16, 16, 8, 4, 2, 1)
"""Channels before and behind each block over ``width``: SPADE's without its first block."""


class OASISGenerator(nn.Module):
    """Labels or plain pictures to pictures in [-1, 1].

    Args:
        channels_in: of plain pictures.
        channels_out: of the result.
        classes, unknown, boundary: of labels, see Semantics.
        width: channels of the last block; the first have sixteen times this.
        noise: channels of the noise; 0 = none, so that a map has one picture.
        noise_by: at test time, one vector for the "picture", for each "class", or for each "place".
        norm, kernel, hidden: of the SPADE layers.
        spectral: spectral normalisation of the blocks' convolutions.
    """

    multiple = min_size = 2 ** (len(FACTORS) - 2)
    style_by_class = True
    style_fits_tiles = True
    """A part of a picture has the noise that the whole has there."""

    def __init__(
        self,
        channels_in: int = 3,
        channels_out: int = 3,
        *,
        classes: int = 0,
        unknown: bool = False,
        boundary: bool = False,
        width: int = 64,
        noise: int = 64,
        noise_by: NoiseBy = "picture",
        norm: FreeNorm = "batch",
        kernel: int = 3,
        hidden: int = 128,
        spectral: bool = True,
    ) -> None:
        super().__init__()
        self.semantics = Semantics(channels_in, classes=classes, unknown=unknown, boundary=boundary)
        self.noise, self.noise_by = noise, noise_by
        maps = self.semantics.channels + noise
        channels = [factor * width for factor in FACTORS]
        self.first = nn.Conv2d(maps, channels[0], 3, padding=1)
        self.blocks = nn.ModuleList(
            [SPADEBlock(into, out, maps, norm, kernel, hidden, spectral) for into, out in pairwise(channels)]
        )
        self.last = nn.Conv2d(width, channels_out, 3, padding=1)
        xavier_init(self)

    @property
    def has_style(self) -> bool:
        return self.noise > 0

    def draw(self, source: Tensor, by: NoiseBy | None = None) -> Maps:
        """Noise of N(0, 1), (1 or batch, noise, 1 or height, 1 or width).

        At test time it is a function of the seed, and the pictures of a batch share it. ``by`` takes the place of ``noise_by``.
        """
        if self.training:
            return torch.randn(len(source), self.noise, 1, 1, device=source.device)
        by = by or self.noise_by
        if by == "place":
            return normal_map((self.noise, *source.shape[2:]), source.device)[None]
        if by == "picture":
            return normal(self.noise, source.device).view(1, -1, 1, 1)
        vectors = normal(max(self.semantics.labels, 1) * self.noise, source.device).view(-1, self.noise)
        spread: Tensor = vectors[self.semantics.classes_of(source)].mT.unflatten(2, source.shape[2:])
        return spread

    def sample_style(self, source: Tensor, chosen: Mapping[int, int]) -> Maps:
        """Noise as ``forward`` draws it, (batch, noise, height, width), but for the regions of some classes.

        Args:
            source: labels.
            chosen: by class the seed of its region's noise.
        """
        shape = source.shape[2:]
        drawn = self.draw(source).expand(len(source), -1, *shape)
        classes = self.semantics.classes_of(source).unflatten(1, (1, *shape))
        for number, seed in chosen.items():
            with seeded(seed):
                drawn = torch.where(classes == number, self.draw(source), drawn)
        return drawn

    def forward(self, source: Tensor, style: Maps | None = None) -> Maps:
        """Translate. ``style`` is noise, (batch, noise, height, width); without it some is drawn."""
        maps = self.semantics(source)
        if self.noise:
            drawn = self.draw(source) if style is None else style
            maps = torch.cat([maps, drawn.to(maps.dtype).expand(maps.shape[0], -1, *maps.shape[2:])], 1)
        start = (maps.shape[2] // self.multiple, maps.shape[3] // self.multiple)
        features = self.first(functional.interpolate(maps, start, mode="nearest"))
        for number, block in enumerate(self.blocks):
            if number:
                features = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = block(features, maps)
        painted: Maps = torch.tanh(self.last(functional.leaky_relu(features, 0.2)))
        return painted
