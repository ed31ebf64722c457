"""The recipe of a student: that of its teacher with fewer channels, separable convolutions where they pay, and the teacher's terms."""

import dataclasses
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from diptych.errors import UsageError
from diptych.networks import NetworkSpec, on_meta_device
from diptych.recipe import Recipe
from diptych.tables import quoted
from diptych.training.distillation import taps_of
from diptych.training.run import read_recipe
from diptych.translator.card import Card, read_cards
from diptych.translator.operations import cost_of

LEAST = 2
"""Channels of the narrowest student's first layer."""
WITH_PAIRS = ("training.distill_features=1", "training.distill_outputs=0")
WITHOUT_PAIRS = ("training.distill_features=0.01", "training.distill_outputs=10")
"""Weights of GAN Compression's code; without pairs the teacher's output stands in the target's place."""


class Size(NamedTuple):
    """What makes a student smaller."""

    width: int
    separable: bool


def student_of(teacher: Path, factor: float, overrides: Sequence[str] = (), checkpoint: str = "latest") -> Recipe:
    """The recipe of a student with at most one ``factor``-th of the teacher's multiply-adds.

    Args:
        teacher: a run's folder.
        factor: how many times fewer multiply-adds; above 1.
        overrides: ``key.sub=value``, laid over what is chosen.
        checkpoint: of the teacher: latest, best, or a step.

    Raises:
        DiptychError: when there is no such run.
        UsageError: for a system or a network that has no student, and a factor that cannot be reached.
    """
    if not factor > 1:
        raise UsageError(
            f"--to is {factor:g}x; a student computes less than its teacher: give more than 1, such as 10x."
        )
    recipe, cards = read_recipe(teacher), read_cards(teacher / "card.json")
    card = next(iter(cards.values()))
    size = size_for(recipe, card, factor, teacher, stated_form(teacher, overrides))
    with on_meta_device():
        paired = recipe.build().needs_pairs
    place = quoted(str(teacher.resolve()))
    chosen = [
        f"options.width={size.width}",
        f"options.separable={str(size.separable).lower()}",
        f"training.teacher={place}",
        f"training.teacher_checkpoint={quoted(checkpoint)}",
        "training.init_from=",
        *(WITH_PAIRS if paired else WITHOUT_PAIRS),
    ]
    found = read_recipe(teacher, [*chosen, *overrides])
    found.examine()
    return dataclasses.replace(found, name=f"{recipe.name or teacher.name}-{factor:g}x")


def stated_form(teacher: Path, overrides: Sequence[str]) -> tuple[bool, ...]:
    """Whether separable convolutions are asked for, or ruled out; else both are tried."""
    if not any(word.partition("=")[0].strip() == "options.separable" for word in overrides):
        return (True, False)
    return (bool(read_recipe(teacher, overrides).options.separable),)


def size_for(recipe: Recipe, card: Card, factor: float, teacher: Path, forms: Sequence[bool]) -> Size:
    """The widest student within the budget, at most as wide as its teacher.

    Separable convolutions pay where they allow more channels than dense ones.

    Raises:
        UsageError: for a system or a network that has no student, and a factor that cannot be reached.
    """
    names = {field.name for field in dataclasses.fields(recipe.options)}
    if not {"width", "separable"} <= names:
        raise UsageError(
            f"{teacher} is a {recipe.system}, whose generator has no student; those of pix2pix, CycleGAN and RegGAN have."
        )
    with on_meta_device():
        taps_of(card.network, card.spec.build())
    whole = cost_of(card).multiply_adds
    widths = range(LEAST, recipe.options.width + 1)
    found = []
    for separable in forms:  # operations rise with the width
        fits = bisect_right(widths, whole / factor, key=lambda width: operations(card, Size(width, separable)))
        found += [Size(widths[fits - 1], separable)] if fits else []
    if not found:
        most = whole / min(operations(card, Size(LEAST, separable)) for separable in forms)
        raise UsageError(
            f"{teacher} cannot be made {factor:g} times smaller: its smallest student, of {LEAST} channels, computes "
            f"1/{most:.1f} of it; give --to {int(10 * most) / 10:g}x or less."
        )
    return max(found, key=lambda size: (size.width, not size.separable))


def operations(card: Card, size: Size) -> int:
    """Multiply-adds of the card's generator with such channels."""
    return cost_of(card, NetworkSpec(card.network, card.arguments | size._asdict())).multiply_adds


def factor_of(text: str) -> float:
    """``10x`` or ``10`` as a number.

    Raises:
        UsageError: for anything else.
    """
    try:
        return float(text.lower().removesuffix("x"))
    except ValueError:
        raise UsageError(f'--to is "{text}"; give how many times fewer multiply-adds, such as 10x.') from None
