"""Styles of translators that have them: a seed, a picture, a code, or a choice by class, as a code of the network."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from diptych.errors import UsageError
from diptych.networks.noise import seeded
from diptych.networks.oasis.generator import WAYS, OASISGenerator
from diptych.pictures.kinds import Kind
from diptych.tables import as_seed, closest
from diptych.translator.card import Card

ChosenStyle = int | str | npt.NDArray[Any] | Mapping[str, int]
"""A seed; a picture (H, W, C) as stored, or a code (n,) of ``Translator.style_code``; clusters or seeds by class; "class:7"."""
Style = ChosenStyle | None


def has_style(network: nn.Module) -> bool:
    return getattr(network, "has_style", False)


def style_of_whole(network: nn.Module) -> bool:
    """Whether its styles are maps of the whole picture, which its tiles cannot share."""
    return has_style(network) and not getattr(network, "style_fits_tiles", False)


def encode_style(network: Any, card: Card, source: Tensor, seed: int, style: ChosenStyle) -> Tensor | None:
    """The network's code of a style for each of the sources; None where the network draws one by the seed.

    Raises:
        UsageError: when the network has no style, or none of that kind.
    """
    if not has_style(network):
        raise UsageError(
            "this translator has no style to choose; train bicyclegan, OASIS, pix2pixHD with options.features=3 or SPADE with "
            "options.style=256."
        )
    if isinstance(style, int):
        return None
    if isinstance(style, str):
        return noise_by(network, source, style)
    with torch.inference_mode(), seeded(seed):
        if not isinstance(style, Mapping):
            return code_of(network, card, source, style)
        if not getattr(network, "style_by_class", False):
            raise UsageError(
                "styles by class are of pix2pixHD and OASIS; give a whole number as style, or a picture to take it from."
            )
        chosen = {class_number(card.source, name): number for name, number in style.items()}
        drawn: Tensor = network.sample_style(source, chosen)
        return drawn


def code_of(network: Any, card: Card, source: Tensor, style: npt.NDArray[Any]) -> Tensor:
    """A given code, or that of a picture, for each of the sources."""
    if style.ndim == 1:
        if style.shape != (getattr(network, "style", 0),):
            raise UsageError(f"the style is a code of {style.size} numbers; take one that style_code gives.")
        return torch.from_numpy(style).to(source.device, torch.float32).expand(len(source), -1)
    if not hasattr(network, "style_of"):
        raise UsageError(
            "this translator draws its styles and takes none from a picture; give a whole number as style, or with OASIS one for "
            "each class."
        )
    found: Tensor = network.style_of(source, card.target.to_tensor(style)[None].to(source.device))
    return found


def noise_by(network: nn.Module, source: Tensor, style: str) -> Tensor:
    """OASIS's noise, drawn as "class:7" says it."""
    name, _, seed = style.partition(":")
    way = WAYS.get(name)
    if way is None or as_seed(seed) is None:
        raise UsageError(f'the style is "{style}"; give a whole number, or picture:7, class:7 or place:7.')
    if not isinstance(network, OASISGenerator):
        raise UsageError(f'"{way}" is a way to draw the noise of OASIS; give a whole number as style.')
    with torch.inference_mode(), seeded(int(seed)):
        return network.draw(source, way)


def class_number(kind: Kind, name: str) -> int:
    """The number of a class of a source, by its name or as digits."""
    if name in kind.names:
        return kind.names.index(name)
    if name.isdecimal() and int(name) < kind.classes:
        return int(name)
    known = ", ".join(kind.names) or f"0 to {kind.classes - 1}"
    raise UsageError(f'there is no class "{name}"{closest(name, kind.names)}; choose from {known}.')
