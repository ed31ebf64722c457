"""The weights that a run begins with where ``training.init_from`` names some: of another run, a file, or a model folder."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from torch import Tensor

from diptych import checkpoints
from diptych.errors import DiptychError
from diptych.files import expand_user
from diptych.shipped import find
from diptych.training.distillation import TAPS
from diptych.training.state import State
from diptych.translator.card import CARD, Card, read_cards
from diptych.translator.weights import weights_path

WEIGHTS = "weights.safetensors"
"""Of a model folder, which `diptych export --to model` and `diptych import` make."""


def start_from(state: State, source: str) -> str:
    """Copy into the system what matches by name and shape, and say in a sentence what did and what did not.

    A model folder has one generator, which goes where the system has such a network for that way.

    Raises:
        DiptychError: when there are no such weights, they cannot be read, or nothing matches.
    """
    place = weights_of(source)
    own = state.system.state_dict()
    given = named(state, place, checkpoints.load(place).tensors)
    taken = {name: tensor for name, tensor in given.items() if name in own and own[name].shape == tensor.shape}
    if not any(tensor.dim() > 1 for tensor in taken.values()):
        raise DiptychError(f"training.init_from={source}: none of its weights fits this system.")
    state.system.load_state_dict(own | taken)
    for side in state.sides.values():
        for name, average in side.average.items():
            average.copy_(side.parameters[name].detach())
    other_shape = sorted(name for name in given if name in own and name not in taken)
    missing = sorted(own.keys() - given.keys())
    words = f"Started from {source}: {len(taken)} of {len(own)} tensors taken"
    words += f"; of another shape: {some(other_shape)}" if other_shape else ""
    words += f"; not in it: {some(missing)}" if missing else ""
    return words + "."


def named(state: State, place: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The system's own tensors among those of a file, by their names in this system."""
    others = ("side.", "average.", "process.", "statistics.", f"system.{TAPS}.")  # taps belong to their teacher
    given = {name.removeprefix("system."): tensor for name, tensor in tensors.items() if not name.startswith(others)}
    if place.name == WEIGHTS and place.with_name(CARD).is_file():
        card = next(iter(read_cards(place.with_name(CARD)).values()), None)
        module = card and module_for(state, card)
        if card is not None and module:
            given = {f"{module}.{name.removeprefix(f'{card.module}.')}": tensor for name, tensor in given.items()}
    return given


def module_for(state: State, card: Card) -> str:
    """Where the system has a network like the card's; empty where it has none."""
    alike = {way: exit for way, exit in state.system.translators().items() if exit.network.name == card.network}
    exit = alike.get(card.way) or next(iter(alike.values()), None)
    return exit.module if exit else ""


def some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def weights_of(source: str) -> Path:
    """The weights file that ``training.init_from`` names: a file, that of a model folder, or the newest checkpoint of a run.

    Raises:
        DiptychError: when there is none.
    """
    path = expand_user(source)
    if path.suffix in (".pth", ".pt", ".ckpt", ".bin"):
        raise DiptychError(
            f"training.init_from={source}: another project's weights are taken over first, with "
            f"diptych import {source} --out FOLDER; then name that folder."
        )
    if path.is_file():
        return path
    with suppress(DiptychError):
        return weights_path(find(path), "latest")
    raise DiptychError(
        f"training.init_from={source}: there is no such weights file, no model folder, and no run with a checkpoint."
    )
