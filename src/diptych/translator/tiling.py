"""Translates large pictures in overlapping, blended tiles, so that no seam shows and memory stays bounded.

Tiles begin at multiples of the network's ``multiple``, so every layer's grid lies as in the whole picture. Noise depends on the
position in the picture. Where a network normalises with a picture's statistics, all tiles share those of the whole picture.

A layer's statistics depend on those of all layers before it. So they are gathered in one pass over the picture for each such
layer, which ends at that layer. Samples or a smaller copy would be faster, but deep networks turn their small errors into other
colours (docs/decisions.md).
"""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from diptych.errors import DiptychError
from diptych.machine.devices import free_bytes
from diptych.networks.blocks import PICTURE_NORM, BatchNorm, InstanceNorm
from diptych.networks.noise import seeded

Images = Float[Tensor, "batch channels height width"]
MIN_OVERLAP = 128
MAX_WHOLE_PIXELS = 4_000_000
"""Pictures up to this size are never cut into tiles."""
MAX_TILE = 1536
MAX_FREE_BYTES = 2**40
"""Bytes that count as free where the system does not say."""
OnProgress = Callable[[str, int, int], None]
"""Called with the stage, the tiles done, and their number."""


@dataclass(frozen=True)
class Axis:
    """The tiles along one side of a picture."""

    size: int
    starts: tuple[int, ...]
    tile: int
    windows: tuple[Tensor, ...]
    """Of each tile, (tile,): weights that add up to 1 at every place."""

    @classmethod
    def cut(cls, size: int, tile: int, overlap: int, multiple: int) -> "Axis":
        """``size`` and ``tile`` are multiples of ``multiple``; neighbours share at least ``overlap``."""
        if size <= tile:
            return cls(size, (0,), size, (torch.ones(size),))
        count = math.ceil((size - overlap) / (tile - overlap))
        needed = math.ceil((size + (count - 1) * overlap) / count)
        tile = min(tile, -(-needed // multiple) * multiple)
        starts = tuple(round(number * (size - tile) / (count - 1) / multiple) * multiple for number in range(count))
        rows = torch.arange(tile) + 0.5
        raw = []
        for start in starts:
            before = rows if start else torch.full_like(rows, math.inf)
            after = tile - rows if start + tile < size else torch.full_like(rows, math.inf)
            # The outermost quarter of an overlap suffers from padding, so the neighbour's is taken.
            raw.append(((torch.minimum(before, after) - overlap / 4) / (overlap / 2)).clamp(1e-6, 1))
        total = torch.zeros(size)
        for start, window in zip(starts, raw, strict=True):
            total[start : start + tile] += window
        windows = tuple(window / total[start : start + tile] for start, window in zip(starts, raw, strict=True))
        return cls(size, starts, tile, windows)


class LayerReachedError(Exception):
    """The pass has reached the layer whose statistics it gathers; later layers are not needed yet."""


@dataclass
class RunningMoments:
    """Weighted sums over the tiles for the mean and variance of a layer, in float64."""

    count: float = 0.0
    total: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.float64))
    squares: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.float64))

    def add(self, maps: Tensor, rows: Tensor, columns: Tensor) -> None:
        """Add (1, C, h, w), weighted by the tile's windows at this layer's resolution."""
        down, along = (
            functional.adaptive_avg_pool1d(window[None], size)[0].to(maps.device)
            for window, size in zip((rows, columns), maps.shape[2:], strict=True)
        )
        values = maps[0].float()
        share = 1 / (down.sum() * along.sum())
        mean = torch.einsum("chw,h,w->c", values, down, along) * share
        variance = torch.einsum("chw,h,w->c", (values - mean[:, None, None]).square(), down, along) * share
        count, centre = float(1 / share), mean.cpu().double()
        self.count += count
        self.total = self.total + centre * count
        self.squares = self.squares + (variance.cpu().double() + centre.square()) * count

    def moments(self) -> tuple[Tensor, Tensor]:
        """(mean, biased variance) of each channel."""
        mean = self.total / self.count
        return mean.float(), (self.squares / self.count - mean.square()).clamp(min=0).float()


@dataclass
class SharedStatistics:
    """The statistics that the tiles of one picture share: (mean, variance) of each layer, (C,) each."""

    layers: list[nn.Module]
    known: dict[nn.Module, tuple[Tensor, Tensor]] = field(default_factory=dict)
    sums: dict[nn.Module, RunningMoments] = field(default_factory=dict)
    rows: Tensor = field(default_factory=lambda: torch.ones(1))
    columns: Tensor = field(default_factory=lambda: torch.ones(1))
    """The windows of the current tile."""

    def normalise(self, layer: BatchNorm | InstanceNorm, maps: Tensor) -> Tensor:
        if layer not in self.known:
            self.sums.setdefault(layer, RunningMoments()).add(maps, self.rows, self.columns)
            raise LayerReachedError
        mean, variance = (values.to(maps) for values in self.known[layer])
        return functional.batch_norm(maps, mean, variance, layer.weight, layer.bias, False, 0.0, layer.eps)

    def finish(self) -> None:
        """Keep the statistics that a pass has gathered."""
        self.known |= {layer: sums.moments() for layer, sums in self.sums.items()}
        self.sums = {}


def uses_picture_statistics(layer: nn.Module) -> bool:
    return isinstance(layer, InstanceNorm) or (isinstance(layer, BatchNorm) and layer.statistics == "picture")


@contextmanager
def shared_statistics(network: nn.Module) -> Iterator[SharedStatistics]:
    """Layers that normalise with a picture's statistics use the gathered ones, in this thread alone."""
    shared = SharedStatistics([layer for layer in network.modules() if uses_picture_statistics(layer)])
    token = PICTURE_NORM.set(shared.normalise)
    try:
        yield shared
    finally:
        PICTURE_NORM.reset(token)


@dataclass(frozen=True)
class Tiling:
    """A picture's tiles."""

    down: Axis
    along: Axis
    seed: int
    style: tuple[Tensor, ...]
    """The code of a chosen style, (1, n), which all tiles share; empty where none was chosen."""
    on_progress: OnProgress

    def walk(
        self, source: Images, network: nn.Module, shared: SharedStatistics, stage: str
    ) -> Iterator[tuple[int, int, Tensor]]:
        """Yield (row, column, result) of every tile; none in a pass that gathers statistics."""
        done, count = 0, len(self.down.starts) * len(self.along.starts)
        for i, top in enumerate(self.down.starts):
            for j, left in enumerate(self.along.starts):
                self.on_progress(stage, done, count)
                shared.rows, shared.columns = self.down.windows[i], self.along.windows[j]
                part = source[..., top : top + self.down.tile, left : left + self.along.tile]
                part = on_device(part, network)
                with suppress(LayerReachedError), seeded(self.seed, (top, left), (part.shape[2], part.shape[3])):
                    yield i, j, network(part, *self.style)
                done += 1
        self.on_progress(stage, done, count)


def no_progress(stage: str, done: int, count: int) -> None:
    """Ignore progress."""


@torch.inference_mode()
def translate(
    network: nn.Module,
    source: Images,
    seed: int,
    tile: int,
    multiple: int,
    scale: int = 1,
    overlap: int = 0,
    style: Tensor | None = None,
    on_progress: OnProgress = no_progress,
) -> Images:
    """One picture, (1, C, H, W), through ``network`` in tiles; float32.

    Args:
        source: its sides divisible by ``multiple``.
        tile: the largest side of a tile, in source pixels; rounded to ``multiple``.
        overlap: of neighbours; 0 = chosen.
        style: the code of a chosen style, (1, n), for networks that take one.

    Raises:
        DiptychError: when tiles cannot be this small.
    """
    overlap = -(-max(overlap, 1) // multiple) * multiple if overlap else default_overlap(multiple)
    side = tile // multiple * multiple
    if side <= overlap:
        raise DiptychError(
            f"tiles of {tile} leave nothing between overlaps of {overlap}; give --tile {2 * overlap} or more."
        )
    height, width = source.shape[2:]
    down, along = (Axis.cut(size, side, overlap, multiple) for size in (height, width))
    tiling = Tiling(down, along, seed, () if style is None else (style,), on_progress)
    with shared_statistics(network) as shared:
        for number in range(1, len(shared.layers) + 1):
            for _ in tiling.walk(source, network, shared, f"statistics, layer {number} of {len(shared.layers)}"):
                break  # a layer that is not used: all others are known
            shared.finish()
        result: Tensor | None = None
        for i, j, part in tiling.walk(source, network, shared, "tiles"):
            if result is None:
                result = torch.zeros(1, part.shape[1], height * scale, width * scale)
            top, left = down.starts[i] * scale, along.starts[j] * scale
            rows, columns = (one.repeat_interleave(scale) for one in (down.windows[i], along.windows[j]))
            window = rows[:, None] * columns
            result[..., top : top + part.shape[2], left : left + part.shape[3]] += part.float().cpu() * window
    assert result is not None
    return result


def default_overlap(multiple: int) -> int:
    """Twice the grid of the innermost layer; farther pixels hardly matter (BENCHMARKS.md)."""
    return -(-max(MIN_OVERLAP, 2 * multiple) // multiple) * multiple


def min_tile(multiple: int) -> int:
    """The smallest side of a tile with the chosen overlap."""
    return 2 * default_overlap(multiple)


def tile_for(network: nn.Module, source: Images, multiple: int, most: float = MAX_FREE_BYTES) -> int:
    """The side of the tiles for a picture; 0 where it is best translated whole.

    Networks without shared statistics lose nothing by tiles, so they always get them for large pictures. Others must pass over
    the picture many times, so they get tiles when memory is short. At most ``most`` bytes of the free memory are used.
    """
    height, width = source.shape[2:]
    if height * width <= MAX_WHOLE_PIXELS:
        return 0
    share = any(uses_picture_statistics(layer) for layer in network.modules())
    place = next(network.parameters()).device
    each, free = bytes_per_pixel(network, source, multiple), min(free_bytes(place), MAX_FREE_BYTES, most)
    if share and each * height * width * len(source) < free / 2:
        return 0
    side = min(math.isqrt(int(free / 4 / each)), MAX_TILE)
    return max(side, min_tile(multiple) + multiple)


def on_device(part: Tensor, network: nn.Module) -> Tensor:
    """A part of a picture on the network's device; whole pictures stay in main memory."""
    return part.to(next(network.parameters()).device).contiguous(memory_format=torch.channels_last)


def bytes_per_pixel(network: nn.Module, source: Images, multiple: int) -> float:
    """An upper estimate of the memory of translation for each pixel, from the sizes of all layers' outputs."""
    side = min(max(64, 2 * multiple) // multiple * multiple, source.shape[2], source.shape[3])
    sizes: list[int] = []

    def note(_: nn.Module, __: object, result: object) -> None:
        if isinstance(result, Tensor):
            sizes.append(result.numel() * result.element_size())

    watched = copy_layers(network)
    for layer in watched.modules():
        if not any(True for _ in layer.children()):
            layer.register_forward_hook(note)
    with torch.inference_mode(), seeded(0):
        watched(on_device(source[:1, :, :side, :side], network))
    return (4 * max(sizes) + sum(sizes) / 6) / (side * side)


def copy_layers(network: nn.Module) -> nn.Module:
    """The same weights in new layers, whose hooks no other thread calls."""
    return copy.deepcopy(network, {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())})
