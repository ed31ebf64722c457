"""Builds a network from a card and a file's tensors. Both may be foreign, so they are checked against each other first."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from diptych import checkpoints
from diptych.errors import DiptychError
from diptych.networks import on_meta_device, size_limits
from diptych.networks.noise import seeded
from diptych.pictures.kinds import Kind
from diptych.translator.card import Card

MAX_ARGUMENT = 65_536
"""Of the numbers in a card's arguments: more layers or channels would take for ever to count."""


def weights_path(folder: Path, checkpoint: str) -> Path:
    """The weights file of a model folder or of a run's checkpoint."""
    if (folder / "weights.safetensors").is_file():
        return folder / "weights.safetensors"
    saved = {path.stem: path for path in (folder / "checkpoints").glob("*.safetensors")}
    steps = sorted(stem for stem in saved if stem.isdecimal())
    name = checkpoint.zfill(8) if checkpoint.isdecimal() else checkpoint
    if checkpoint == "latest" and steps:
        name = steps[-1]
    if name not in saved:
        available = ", ".join(str(int(step)) for step in steps) + (", best" if "best" in saved else "")
        known = f"there is {available}" if available else "there is none; train on, or copy its weights here again"
        raise DiptychError(f'{folder} has no checkpoint "{checkpoint}"; {known}.')
    return saved[name]


def build_network(weights: dict[str, Tensor], card: Card, folder: Path) -> nn.Module:
    """The card's network with these weights; shapes are compared first, since a card may be foreign.

    Raises:
        DiptychError: when the card's arguments make no network, or one with other weights.
    """
    try:
        if huge := [name for name, value in card.arguments.items() if isinstance(value, int) and value > MAX_ARGUMENT]:
            raise ValueError(f"{huge[0]} is {card.arguments[huge[0]]}")
        with on_meta_device(), parameters_up_to(2 * len(weights)):
            outline = card.spec.build()
            shapes = {name: tensor.shape for name, tensor in outline.state_dict().items()}
    except Exception as problem:  # whatever foreign arguments cause
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise DiptychError(
            f"{folder / 'card.json'} describes a network that cannot be built ({reason}); export or copy the folder again."
        ) from None
    found = {name: tensor.shape for name, tensor in weights.items()}
    if odd := sorted(name for name in shapes | found if shapes.get(name) != found.get(name)):
        raise DiptychError(
            f"the weights in {folder} are not those of its card: {odd[0]} has the shape {shape_of(found, odd[0])}, and the card's "
            f"network {shape_of(shapes, odd[0])}; export or copy the folder again."
        )
    if output_problem(outline, card.source, card.target, card.scale, card.multiple):
        raise DiptychError(
            f"{folder / 'card.json'} has a network that does not make {card.target.colour} of {card.source.colour}, as its source "
            f"and target say, or not {card.scale} times as large, or of sides "
            f"divisible by {card.multiple}; export or copy the folder again."
        )
    network = card.spec.build()
    network.load_state_dict(weights)
    return network


def output_problem(outline: nn.Module, source: Kind, target: Kind, scale: int, multiple: int) -> str:
    """Why a network of shapes alone does not make the target of the source, of sides divisible by ``multiple``; empty where it does."""
    if multiple % size_limits(outline).multiple or multiple > MAX_ARGUMENT:
        return f"its sides are divisible by {size_limits(outline).multiple}"
    side = -(-size_limits(outline).min_size // multiple) * multiple
    kind = torch.int32 if source.colour == "labels" else torch.float32
    wanted = torch.Size((1, target.network_channels, side * scale, side * scale))
    try:
        with on_meta_device(), torch.inference_mode(), seeded(0):
            shown = torch.zeros(1, source.network_channels, side, side, dtype=kind)
            made: Tensor = outline.eval()(shown)
    except (RuntimeError, ValueError, IndexError, TypeError) as problem:
        return str(problem).partition("\n")[0]
    if made.shape == wanted:
        return ""
    sizes = ("x".join(map(str, one)) for one in (shown.shape, made.shape, wanted))
    return "of {} it makes {}, not {}".format(*sizes)


@contextmanager
def parameters_up_to(most: int) -> Iterator[None]:
    """Limits the parameters made in this thread: a card may ask for layers without end.

    Raises:
        ValueError: when there would be more.
    """
    thread, count = get_ident(), 0

    def counted(*_: object) -> None:
        nonlocal count
        count += get_ident() == thread
        if count > most:
            raise ValueError(f"it has more than the {most // 2} tensors of its weights")

    handle = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()


def shape_of(shapes: Mapping[str, torch.Size], name: str) -> str:
    return "x".join(map(str, shapes[name])) or "of one number" if name in shapes else "none"


def network_weights(tensors: dict[str, Tensor], card: Card) -> dict[str, Tensor]:
    """The network's tensors of a checkpoint: the running average where the card asks for it, and statistics where there are any."""
    weights: dict[str, Tensor] = {}
    for root in ("system", "average", "statistics") if card.averaged else ("system", "statistics"):
        weights |= checkpoints.with_prefix(f"{root}.{card.module}", tensors)
    return weights
