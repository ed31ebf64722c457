"""Distillation: a frozen teacher's maps and outputs as further terms of a student's generator (Li et al., CVPR 2020, 2003.08936).

With s and t the maps of student and teacher at a tap, and A a learned 1x1 convolution at each, the terms of a way are

    distill_features = weight * sum over taps of mean((A(s) - t)^2)
    distill_outputs  = weight * mean |student's output - teacher's output|, over the pixels with data

Networks state their taps. A is trained with the student and is no part of what translates. The teacher runs as it translates,
with the noise of its card's seed. The student's maps are those of its newest pass over the source.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from diptych import checkpoints
from diptych.errors import DiptychError, UsageError
from diptych.files import expand_user
from diptych.losses import l1
from diptych.networks import NetworkSpec, initialise, on_meta_device
from diptych.networks.features.pretrained import LOOKING
from diptych.networks.matrix_products import use_products
from diptych.networks.noise import seeded
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.shipped import find
from diptych.systems import Losses, System
from diptych.translator.card import Card, read_cards
from diptych.translator.engines import Eager
from diptych.translator.operations import cost_of, input_of
from diptych.translator.translator import Translator

TAPS, TEACHER = "taps", "teacher"
"""Names of a submodule of the system, and of its buffer with the bytes of the teacher's checksum."""


class Maps:
    """The maps at a network's taps, pass by pass.

    Args:
        network: whose passes are watched.
        learns: passes with gradients are meant, else those without.
    """

    def __init__(self, network: nn.Module, taps: tuple[str, ...], learns: bool) -> None:
        self.learns = learns
        self.passes: list[tuple[Tensor, list[Tensor]]] = []
        network.register_forward_pre_hook(self.begin)
        for path in taps:
            network.get_submodule(path).register_forward_hook(self.keep)

    def begin(self, _: nn.Module, inputs: Any) -> None:
        if torch.is_grad_enabled() == self.learns:
            self.passes.append((inputs[0], []))

    def keep(self, _: nn.Module, __: Any, maps: Tensor) -> None:
        if torch.is_grad_enabled() == self.learns:
            self.passes[-1][1].append(maps)

    def of(self, source: Tensor) -> list[Tensor] | None:
        """Of the newest pass over this very tensor."""
        return next((maps for given, maps in reversed(self.passes) if given is source), None)


class Pupil(NamedTuple):
    """One way of translation that is taught."""

    module: str
    """Path of the student's network inside the system."""
    student: Maps
    teacher: nn.Module
    shown: Maps
    """The teacher's."""
    seed: int


class Distillation:
    """The teacher of a run, and the terms that it adds.

    Args:
        recipe: with ``training.teacher``.
        system: the student's; it is given the submodule ``taps``, which a checkpoint holds with the rest.
        device: where the student is trained.
        precision: of its networks, and the teacher's.

    Raises:
        DiptychError: when there is no such teacher.
        UsageError: when student and teacher do not belong together, or have no taps.
    """

    def __init__(self, recipe: Recipe, system: System, device: torch.device, precision: str) -> None:
        self.settings, self.system, self.device, self.precision = recipe.training, recipe.system, device, precision
        self.pupils: dict[str, Pupil] = {}
        self.adapters, weights = nn.ModuleDict(), dict[str, Tensor]()
        for way, exit in system.translators().items():
            card, network = teacher_of(recipe, way)
            student = system.get_submodule(exit.module)
            own, theirs = (shapes_at(spec, card) for spec in (exit.network, card.spec))
            if [one[2:] for one in own] != [one[2:] for one in theirs]:
                raise UsageError(
                    f"the maps of {recipe.training.teacher} have other sizes than this generator's; "
                    f"both need the same network with as many levels or blocks."
                )
            pairs = zip(own, theirs, strict=True)
            layers = nn.ModuleList(nn.Conv2d(one[1], other[1], 1) for one, other in pairs)
            self.adapters[way.replace("-", "_")] = initialise(layers)
            weights |= {f"{way}.{name}": tensor for name, tensor in network.state_dict().items()}
            prepared = frozen(network, device)
            shown = Maps(prepared, taps_of(card.network, network), learns=False)
            maps = Maps(student, taps_of(exit.network.name, student), learns=True)
            self.pupils[way] = Pupil(exit.module, maps, prepared, shown, card.seed)
        digest = bytes.fromhex(checkpoints.checksum(checkpoints.contiguous_on_cpu(weights), ""))
        self.adapters.register_buffer(TEACHER, torch.tensor(list(digest), dtype=torch.uint8))
        system.add_module(TAPS, self.adapters)

    def taps_of(self, side: str) -> dict[str, nn.Module]:
        """The convolutions A of the students within a side, by their paths in the system."""
        names = [
            way.replace("-", "_") for way, pupil in self.pupils.items() if f"{pupil.module}.".startswith(f"{side}.")
        ]
        return {f"{TAPS}.{name}": self.adapters[name] for name in names}

    def terms(self, losses: Losses, batch: Batch) -> dict[str, Tensor]:
        """The terms of an update that carries pictures, in float32; of two ways in one update each has the way behind its name.

        Args:
            losses: the update.
            batch: of which it is; it knows which pixels lack data.

        Raises:
            UsageError: for a system whose generator did not see the pictures that it says it translated.
        """
        found: dict[str, Tensor] = {}
        for way, (source, _, fake) in losses.pictures.items():
            pupil, name = self.pupils[way], way.replace("-", "_")
            maps = pupil.student.of(source)
            if maps is None:
                raise UsageError(
                    f"{self.system} shows its generator other pictures than those it translates, so it cannot be taught; "
                    f"set training.teacher to nothing."
                )
            with torch.no_grad(), seeded(pupil.seed), self.autocast():
                output = pupil.teacher(source)
            theirs = pupil.shown.of(source) or []
            end = f"_{name}" if len(losses.pictures) > 1 else ""
            if self.settings.distill_features:
                layers: Any = self.adapters[name]
                apart = [
                    (layer(one.float()) - other.float()).square().mean()
                    for layer, one, other in zip(layers, maps, theirs, strict=True)
                ]
                found[f"distill_features{end}"] = self.settings.distill_features * torch.stack(apart).sum()
            if self.settings.distill_outputs:
                found[f"distill_outputs{end}"] = self.settings.distill_outputs * l1(
                    fake, batch.fill(output), batch.weights
                )
        return found

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def forget(self) -> None:
        """Let go of the maps of an update."""
        for pupil in self.pupils.values():
            pupil.student.passes.clear()
            pupil.shown.passes.clear()

    def require_same_teacher(self, tensors: Mapping[str, Tensor]) -> None:
        """Refuse to go on with a teacher of other weights.

        Raises:
            UsageError: naming the teacher.
        """
        known = tensors.get(f"system.{TAPS}.{TEACHER}")
        if known is not None and not torch.equal(known.cpu(), self.adapters.get_buffer(TEACHER).cpu()):
            raise UsageError(
                f"{self.settings.teacher} has other weights than when this run was begun; name the checkpoint of then with "
                f"training.teacher_checkpoint, or a copy of it with training.teacher."
            )


def distillation_of(recipe: Recipe, system: System, device: torch.device, precision: str) -> Distillation | None:
    """The distillation that the recipe asks for; the system's facts then name the teacher, for the card."""
    if not recipe.training.teacher:
        return None
    found = Distillation(recipe, system, device, precision)
    system.facts = {**system.facts, **facts_of(recipe, system)}
    return found


def facts_of(recipe: Recipe, system: System) -> dict[str, str]:
    """For the card: the teacher's name, how much less the student computes, and through which networks the teacher was trained."""
    way, exit = next(iter(system.translators().items()))
    card = card_of_teacher(recipe, way)
    less = cost_of(card).multiply_adds / cost_of(card, exit.network).multiply_adds
    both = {key: [*filter(None, (system.facts.get(key), card.provenance.get(key)))] for key in LOOKING}
    seen = {key: " and ".join(dict.fromkeys(map(str, names))) for key, names in both.items() if names}
    place = place_of(recipe.training.teacher)
    return seen | {"teacher": place.resolve().name, "multiply-adds": f"1/{less:.2f} of the teacher's"}


def place_of(teacher: str) -> Path:
    """Its folder: of a run, a model, or a translator that comes with diptych."""
    return find(expand_user(teacher))


def card_of_teacher(recipe: Recipe, way: str) -> Card:
    """The card of the teacher of a way.

    Raises:
        DiptychError: when the teacher is gone, or holds no translator.
        UsageError: when it does not translate what the recipe does.
    """
    settings, data = recipe.training, recipe.data
    place = place_of(settings.teacher)
    if not place.is_dir():
        raise DiptychError(
            f"training.teacher is {settings.teacher}, and there is no such run or model folder; say where it is now with "
            f"training.teacher=FOLDER."
        )
    cards = read_cards(place / "card.json")
    if way not in cards:
        raise UsageError(
            f"{settings.teacher} does not translate {way}, as this run does; name another training.teacher."
        )
    card = cards[way]
    ends = (data.target, data.source) if way == "b-to-a" else (data.source, data.target)
    if [kind.network_channels for kind in (card.source, card.target)] != [kind.network_channels for kind in ends]:
        raise UsageError(
            f"{settings.teacher} translates {card.source.colour} to {card.target.colour}, and this run {ends[0].colour} to "
            f"{ends[1].colour}; name another training.teacher."
        )
    return card


def require_teacher(recipe: Recipe) -> None:
    """Refuse a teacher that is not there or cannot teach, without its weights being read.

    Raises:
        DiptychError, UsageError: as of ``Distillation``.
    """
    if recipe.training.checkpointing != "none":
        raise UsageError("maps that a teacher is compared with cannot be recomputed; set training.checkpointing=none.")
    with on_meta_device():
        system = recipe.build()
    for way, exit in system.translators().items():
        if getattr(system.get_submodule(exit.module), "has_style", False):
            raise UsageError(
                "a student of a teacher has no styles: each would be taught the same answer; set options.style=0."
            )
        taps_of(exit.network.name, system.get_submodule(exit.module))
        card_of_teacher(recipe, way)


def teacher_of(recipe: Recipe, way: str) -> tuple[Card, nn.Module]:
    """The teacher of a way: its card, and its network with weights.

    Raises:
        DiptychError, UsageError: as of ``card_of_teacher``, and for a checkpoint that is not there.
    """
    card, settings = card_of_teacher(recipe, way), recipe.training
    engine = Translator.load(place_of(settings.teacher), way, settings.teacher_checkpoint).engine
    assert isinstance(engine, Eager)
    return card, engine.network


def frozen(network: nn.Module, device: torch.device) -> nn.Module:
    network.requires_grad_(False)
    if device.type == "cpu":
        use_products(network)
    return network.to(device)


def taps_of(name: str, network: nn.Module) -> tuple[str, ...]:
    """Paths of the layers whose maps a student learns.

    Raises:
        UsageError: for a network that states none.
    """
    taps: tuple[str, ...] = tuple(getattr(network, TAPS, ()))
    if not taps:
        raise UsageError(f'the network "{name}" has no taps, so it has no student; those of unet and resnet have.')
    return taps


def shapes_at(spec: NetworkSpec, card: Card) -> list[torch.Size]:
    """(1, channels, height, width) at each tap, for a picture of the card's size."""
    with on_meta_device(), torch.no_grad(), seeded(0):
        network = spec.build().eval()
        maps, shown = Maps(network, taps_of(spec.name, network), learns=False), input_of(card)
        network(shown)
    return [one.shape for one in maps.of(shown) or []]
