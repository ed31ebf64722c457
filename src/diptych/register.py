"""Your own systems, networks, adversarial losses, metrics and layouts of folders, by a name that recipes then take.

    from diptych import register

    @register.metric("brightness", better="near 1")
    def brightness(example): ...

Code registers when it is imported: in your program or notebook, by ``--import FILE`` on the command line, or as an installed
package with an entry point of the group ``diptych.plugins``. ``docs/extend.md`` shows each whole. A name consists of letters,
digits, - and _. It can be registered once; the same class or function may be registered again, as when a cell of a notebook is
run again. A lambda is the same only unchanged.
"""

import dataclasses
import inspect
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

from diptych.errors import UsageError, of_users_code

if TYPE_CHECKING:
    from torch import Tensor

    from diptych.evaluation.metrics import Example

Made = TypeVar("Made", bound=Callable[..., Any])


def system(name: str) -> Callable[[Made], Made]:
    """Decorator that registers a system: a subclass of ``System`` with ``Options``, as ``system = "NAME"`` of a recipe.

    Raises:
        UsageError: for a name that is taken, or what is no system.
    """
    checked_name(name, "system")

    def decorate(kind: Made) -> Made:
        from diptych.systems import SYSTEMS, System

        refuse_unless(isinstance(kind, type) and issubclass(kind, System), "system", kind, "a subclass of System")
        lacking = sorted(getattr(kind, "__abstractmethods__", ()))
        refuse_unless(not lacking, "system", kind, f"one that has {', '.join(lacking)}")
        options = getattr(kind, "Options", None)
        fits = isinstance(options, type) and dataclasses.is_dataclass(options)
        refuse_unless(fits, "system", kind, "one whose Options is a dataclass")
        SYSTEMS.add(name, cast("type[System]", kind), kind)
        return kind

    return decorate


def network(name: str) -> Callable[[Made], Made]:
    """Decorator that registers a network: a ``torch.nn.Module`` that states ``multiple`` and ``min_size``.

    pix2pix and CycleGAN take it as ``options.generator`` or ``options.discriminator``, any system by
    ``NetworkSpec("NAME", arguments)``. Its arguments are plain: they go into the card, from which it is built again.

    A generator is given ``channels_in`` and ``channels_out``, and every option of the recipe that it has an argument for. It
    takes pictures (batch, channels_in, height, width) in [-1, 1] to (batch, channels_out, height, width) in [-1, 1]. A
    discriminator is given what a PatchGAN takes, as far as it has arguments for it: ``channels_in``, ``layers``,
    ``width``, ``norm``, ``bias``. It returns logits of any shape.

    ``multiple`` is the number by which both sides of a picture must be divisible, ``min_size`` the shortest side; either may be an
    attribute of the class or of the object. Weights are drawn by the network itself.

    Raises:
        UsageError: for a name that is taken, or what is no network.
    """
    checked_name(name, "network")

    def decorate(kind: Made) -> Made:
        from torch import nn

        from diptych.networks import NETWORKS

        import_module("diptych.systems")  # whose options reserve names
        refuse_unless(
            isinstance(kind, type) and issubclass(kind, nn.Module), "network", kind, "a subclass of torch.nn.Module"
        )
        NETWORKS.add(name, cast("type[nn.Module]", kind), kind)
        return kind

    return decorate


def adversary(
    name: str,
    discriminator: "Callable[[Tensor, Tensor], Tensor]",
    generator: "Callable[[Tensor], Tensor]",
    midpoint: float | None = None,
) -> None:
    """Register an adversarial loss, as ``options.adversary``.

    Args:
        name: what recipes call it.
        discriminator: from the logits of real pictures and of fakes to the discriminator's loss, a scalar in float32.
        generator: from the logits of fakes to the generator's loss, a scalar in float32.
        midpoint: the logit between real and fake, by which the discriminator's accuracy is logged; None where there is none.

    Raises:
        UsageError: for a name that is taken, or what is no function.
    """
    from diptych.losses import ADVERSARIES, Adversary

    checked_name(name, "adversary")
    for one in (discriminator, generator):
        refuse_unless(inspect.isroutine(one), "adversary", one, "two functions of logits")
    ADVERSARIES.add(name, Adversary(discriminator, generator, midpoint), discriminator, generator)


def metric(name: str, better: str, paired: bool = True) -> Callable[[Made], Made]:
    """Decorator that registers a metric, for ``--metrics`` and ``training.metrics``.

    Of single pictures it is a function of an ``Example``, whose tensors are (1, channels, height, width) in [-1, 1], and gives a
    number; NaN where it is not defined. Of all pictures together it is a subclass of ``SetMetric`` without arguments.

    Args:
        name: what recipes and commands call it.
        better: "higher", "lower", "near 1" or "as the targets'".
        paired: whether each output needs its target.

    Raises:
        UsageError: for a name that is taken, another ``better``, or what is no metric.
    """
    checked_name(name, "metric")

    def decorate(made: Made) -> Made:
        from diptych.evaluation import requirements
        from diptych.evaluation.metrics import METRICS, Better, PictureMetric, SetMetricSpec
        from diptych.evaluation.set_metrics import SetMetric

        if better not in get_args(Better):
            raise UsageError(f'the metric "{name}" is better "{better}"; choose from {", ".join(get_args(Better))}.')
        required, side = (requirements.target,) if paired else (), cast("Better", better)
        if isinstance(made, type) and issubclass(made, SetMetric):
            lacking = sorted(getattr(made, "__abstractmethods__", ()))
            refuse_unless(not lacking, "metric", made, f"a SetMetric that has {', '.join(lacking)}")
            METRICS.add(name, SetMetricSpec(side, required, make=made), made)
            return made
        refuse_unless(inspect.isroutine(made), "metric", made, "a function of an Example, or a subclass of SetMetric")
        METRICS.add(name, PictureMetric(side, partial(as_number, name, made), required), made)
        return made

    return decorate


def layout(name: str) -> Callable[[Made], Made]:
    """Decorator that registers a layout of folders, as ``data.layout``.

    It is a function of the folder, a ``Path``, which gives by split the examples, as ``Entry(name, (source,), target)`` with the
    paths of their files. Splits are "train", "val" and "test"; a missing "val" is taken from "train". Of one file that holds both
    halves, or from which the source is derived, it is ``Entry(name, (file,))``. Unpaired sources are ``Entry(name, (source,))``, unpaired
    targets ``Entry(name, (), target)``.

    Raises:
        UsageError: for a name that is taken, or what is no function.
    """
    checked_name(name, "layout")

    def decorate(function: Made) -> Made:
        from diptych.data.settings import LAYOUTS

        refuse_unless(inspect.isroutine(function), "layout", function, "a function of a folder")
        LAYOUTS.add(name, function, function)
        return function

    return decorate


def as_number(name: str, function: "Callable[[Example], Any]", example: "Example") -> float:
    with of_users_code(f'the metric "{name}"'):
        return float(function(example))


def checked_name(name: object, word: str) -> None:
    if not isinstance(name, str):
        raise UsageError(f'register.{word} takes a name first, such as @register.{word}("mine").')


def refuse_unless(fits: bool, word: str, made: object, wanted: str) -> None:
    if not fits:
        called = getattr(made, "__name__", repr(made))
        raise UsageError(f"{called} cannot be registered as a {word}; register.{word} takes {wanted}.")
