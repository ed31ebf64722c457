"""Trace networks for export, with symbolic sizes and the seed of the noise as an input."""

import copy
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from diptych.errors import DiptychError
from diptych.networks.blocks import Dropout
from diptych.networks.noise import seeded
from diptych.pictures.depths import LIMITS, is_float
from diptych.pictures.padding import reflected
from diptych.translator.card import Card
from diptych.translator.engines import Eager
from diptych.translator.translator import Translator

Noise = Literal["seed", "style", "none"]
"""What an exported network takes beside its source: a seed, the numbers of a style (batch, n), or nothing."""


class NetworkOnly(nn.Module):
    """The network alone: values in [-1, 1] or class numbers, sides divisible by the card's ``multiple``."""

    def __init__(self, network: nn.Module, noise: bool, seed: int, style: int = 0) -> None:
        super().__init__()
        self.network = network
        self.fixed = None if noise else seed
        self.style = style
        """Numbers of the style that it takes in the place of a seed; 0 = none."""

    def forward(self, source: Tensor, seed: Tensor | None = None) -> Tensor:
        if self.style:
            with seeded(self.fixed or 0):
                styled: Tensor = self.network(source, seed)
            return styled
        with seeded(seed if self.fixed is None and seed is not None else self.fixed or 0):
            result: Tensor = self.network(source)
        return result


class WithProcessing(nn.Module):
    """The network with its processing: stored pictures, (batch, height, width, channels), to stored pictures."""

    def __init__(self, inner: NetworkOnly, card: Card) -> None:
        super().__init__()
        self.inner, self.card = inner, card

    def forward(self, picture: Tensor, seed: Tensor | None = None) -> Tensor:
        card = self.card
        planes = picture.permute(0, 3, 1, 2)
        height, width = planes.shape[2:]
        if card.source.colour == "labels":
            source = planes.int()
        else:
            low, high = card.source.range
            source = ((planes.float() - low) * (2 / (high - low)) - 1).clamp(-1, 1)
            if card.source.colour == "holed":
                hole = torch.where(planes[:, 3:] == 0, 1.0, -1.0)
                source = torch.cat([source[:, :3], hole], 1)
        rows, columns = (reflected(size, card.multiple, picture.device) for size in (height, width))
        padded = source.index_select(2, rows).index_select(3, columns)
        result = self.inner(padded, seed)[:, :, : height * card.scale, : width * card.scale]
        low, high = card.target.range
        values = (result.clamp(-1, 1) + 1) / 2 * (high - low) + low
        if not is_float(card.target.depth):
            values = values.round().clamp(*LIMITS[card.target.depth])
        values = values.to(getattr(torch, card.target.depth))
        stored: Tensor = values.permute(0, 2, 3, 1)
        return stored


def has_noise(network: nn.Module) -> bool:
    """Whether the output depends on the seed."""
    dropout = any(isinstance(part, Dropout) and part.at_test and part.probability > 0 for part in network.modules())
    return dropout or bool(getattr(network, "has_style", False))


def style_numbers(network: nn.Module) -> int:
    """Numbers of the styles that a network takes as vectors; 0 for none."""
    numbers = getattr(network, "style", 0)
    return numbers if isinstance(numbers, int) else 0


def traceable(translator: Translator, processing: str, noise: Noise) -> nn.Module:
    """A copy of the network on the CPU, with or without its processing, to be traced.

    Raises:
        DiptychError: for an engine other than torch, or Kinds whose processing stays outside.
    """
    if not isinstance(translator.engine, Eager):
        raise DiptychError("an export starts from a run or a model folder, not from an exported file.")
    card = translator.card
    network = copy.deepcopy(translator.engine.network).cpu()
    # Channels-last tensors would add guards on 1x1 maps to the trace.
    for tensor in [*network.parameters(), *network.buffers()]:
        tensor.data = tensor.data.clone(memory_format=torch.contiguous_format)
    if noise != "seed":
        for part in network.modules():
            if isinstance(part, Dropout):
                part.at_test = False
    style = style_numbers(network) if noise == "style" else 0
    inner = NetworkOnly(network, noise == "seed" and has_noise(network), card.seed, style).eval()
    if processing == "outside":
        return inner
    if lab := {"lightness", "chroma"} & {card.source.colour, card.target.colour}:
        raise DiptychError(
            f"pictures of {' and '.join(sorted(lab))} are converted to and from CIE Lab outside of the network; "
            f"export with --processing outside."
        )
    if "logarithmic" in (card.source.scale, card.target.scale):
        raise DiptychError(
            "logarithms are taken outside of the network, for the last digits; export with --processing outside."
        )
    return WithProcessing(inner, card).eval()


def example(card: Card, processing: str, count: int = 2, repeats: tuple[int, int] = (2, 3)) -> Tensor:
    """Random input. Every symbolic size of an example must be 2 or more."""
    generator = torch.Generator().manual_seed(0)
    grain = card.multiple * -(-32 // card.multiple)
    height, width = (grain * repeat for repeat in repeats)
    kind = card.source
    if kind.colour == "labels":
        shape = (count, kind.network_channels, height // 8, width // 8)
        blocks = torch.randint(0, kind.classes, shape, generator=generator, dtype=torch.int32)
        classes = blocks.repeat_interleave(8, 2).repeat_interleave(8, 3)
        return classes.permute(0, 2, 3, 1).to(torch.uint16) if processing == "inside" else classes
    tensor = torch.rand(count, kind.network_channels, height, width, generator=generator) * 2 - 1
    if kind.colour == "holed":
        tensor[:, 3] = torch.where(tensor[:, 3] > 0.5, 1.0, -1.0)
    if processing == "outside":
        return tensor
    low, high = kind.range
    values = ((tensor + 1) / 2 * (high - low) + low).permute(0, 2, 3, 1)
    return (values if is_float(kind.depth) else values.round()).to(getattr(torch, kind.depth))


def program(translator: Translator, processing: str = "outside", noise: Noise = "seed") -> ExportedProgram:
    """The traced network, its batch, height and width symbols.

    Raises:
        DiptychError: when the network cannot be traced.
    """
    module = traceable(translator, processing, noise)
    card = translator.card
    source = example(card, processing)
    inner: Any = module.inner if isinstance(module, WithProcessing) else module
    arguments: tuple[Tensor, ...] = (source, torch.tensor(0, dtype=torch.int32)) if inner.fixed is None else (source,)
    if inner.style:
        arguments = (source, torch.zeros(len(source), inner.style))
    try:
        return torch.export.export(
            module,
            arguments,
            dynamic_shapes=shapes(card.multiple, processing, len(arguments), inner.style > 0),
            prefer_deferred_runtime_asserts_over_guards=processing == "inside",
        )
    except Exception as problem:  # torch.export raises many types of its own
        reason = " ".join(str(problem).split())[:300]
        raise DiptychError(f"the network {card.network} cannot be exported as it is: {reason}") from None


def shapes(multiple: int, processing: str, count: int, style: bool) -> tuple[Any, ...]:
    """The symbolic sizes of ``count`` inputs, the second a ``style`` or a seed."""
    if processing == "inside":
        # The tracer may narrow the range of such sizes; the check of the file shows that it holds for small pictures too.
        sizes: dict[int, Any] = dict.fromkeys((0, 1, 2), Dim.DYNAMIC)
    else:
        rows, columns = Dim("rows"), Dim("columns")
        sides = (rows, columns) if multiple == 1 else (multiple * rows, multiple * columns)
        sizes = {0: Dim("batch"), 2: sides[0], 3: sides[1]}
    return (sizes, {0: sizes[0]} if style else None)[:count]
