"""Counter-based noise for translation: each value is a hash of (seed, draw, channel, row, column).

The same seed gives the same noise on every device, in every exported form, and in a tile as in the whole picture.
The hash is integer arithmetic below 2^31, which ONNX Runtime, OpenVINO and browsers compute alike.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor

from diptych.machine.runtimes import BITS, MASK, SEEDS, folded

ROWS, COLUMNS = 1 << 20, 1 << 21
"""First index of rows and of columns, so that channels, rows and columns have different indices."""


@dataclass
class Noise:
    """The state of a network's noise: its seed, its tile, and how many draws were made."""

    seed: Tensor
    """A scalar of int32, below SEEDS."""
    origin: tuple[int, int] = (0, 0)
    """First row and column of the tile in the source."""
    shape: tuple[int, int] | None = None
    """Height and width of the tile; None for whole pictures."""
    draws: int = 0

    def hashes(self, indices: Tensor) -> Tensor:
        """One hash for each of ``indices``; each call gives different ones."""
        self.draws += 1
        seed = self.seed.to(indices.device)
        low, high = seed & MASK, high_bits(seed)
        draw = hash_pair(low, high) ^ (977 * self.draws & MASK)
        return hash_pair(hash_pair(draw, indices & MASK), high ^ high_bits(indices))


CURRENT: ContextVar[Noise | None] = ContextVar("noise", default=None)


@contextmanager
def seeded(
    seed: int | Tensor, origin: tuple[int, int] = (0, 0), shape: tuple[int, int] | None = None
) -> Iterator[None]:
    """Within, networks take their noise from ``seed``; outside, from a seed of torch's default generator."""
    scalar = torch.tensor(folded(seed), dtype=torch.int32) if isinstance(seed, int) else seed
    token = CURRENT.set(Noise(scalar, origin, shape))
    try:
        yield
    finally:
        CURRENT.reset(token)


def current() -> Noise:
    return CURRENT.get() or Noise(torch.randint(SEEDS, (), dtype=torch.int32))


def high_bits(numbers: Tensor) -> Tensor:
    """The bits above the lowest BITS. ONNX Runtime has no shift of int32; float32 is exact here, for 15 bits."""
    return ((numbers & (MASK << BITS)).float() / (1 << BITS)).int()


def hash_pair(a: Tensor, b: Tensor) -> Tensor:
    """Hash two numbers of BITS bits to one. The product's halves are combined, since OpenVINO computes remainders in float32."""
    product = (a ^ 0x5A35) * (b ^ 0x3C6F)
    return (product & MASK) ^ high_bits(product) ^ ((5 * a + 3 * b) & MASK)


def dropout_mask(maps: Tensor, probability: float) -> Tensor:
    """(1, channels, height, width) of ``maps``' type: 1 with ``probability``, else 0; one mask for the whole batch."""
    values = place_hashes(current(), maps.shape[1:], maps.device)
    return (values < round(probability * (MASK + 1))).to(maps.dtype)[None]


def place_hashes(noise: Noise, shape: Sequence[int], device: torch.device) -> Tensor:
    """One hash for each value of maps of ``shape``, (channels, height, width); a tile has those of its place."""
    channels, height, width = shape
    row, column = 0, 0
    if noise.shape is not None:
        row, column = noise.origin[0] * height // noise.shape[0], noise.origin[1] * width // noise.shape[1]
    sizes = (channels, height, width)
    firsts = (0, ROWS + row, COLUMNS + column)
    axes = [first + torch.arange(size, device=device).int() for first, size in zip(firsts, sizes, strict=True)]
    across, down, along = noise.hashes(torch.cat(axes)).split(sizes)
    places = hash_pair(hash_pair(down[:, None], along[None]), along[None])
    return hash_pair(across[:, None, None], places[None])


def uniform(count: int, device: torch.device) -> Tensor:
    """(count,) float32 in [0, 1)."""
    noise = current()
    indices = torch.arange(count, device=device).int()
    return share_of(noise.hashes(indices), noise.hashes(indices))


def normal(count: int, device: torch.device) -> Tensor:
    """(count,) float32 of N(0, 1)."""
    return box_muller(uniform(count, device), uniform(count, device))


def normal_map(shape: Sequence[int], device: torch.device) -> Tensor:
    """float32 of N(0, 1), of ``shape`` (channels, height, width); a tile has the numbers of its place."""
    noise = current()
    four = [place_hashes(noise, shape, device) for _ in range(4)]
    return box_muller(share_of(*four[:2]), share_of(*four[2:]))


def share_of(coarse: Tensor, fine: Tensor) -> Tensor:
    """Two hashes as one float32 in [0, 1)."""
    return (coarse * 512 + (fine & 511)).float() / 2**24


def box_muller(one: Tensor, other: Tensor) -> Tensor:
    """Two shares in [0, 1) to a number of N(0, 1) (Box and Muller 1958)."""
    return torch.sqrt(-2 * torch.log(1 - one)) * torch.cos(2 * math.pi * other)
