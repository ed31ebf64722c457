"""Extra loss terms that are given in Python: functions of (source, target, fake), minimised in every update of a generator."""

import math
from collections.abc import Callable, Container, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from diptych.errors import UsageError, of_users_code
from diptych.systems import Losses

TermFunction = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(source, target, fake) to a scalar; each (batch, channels, height, width) as networks see pictures, float32."""


class Term(NamedTuple):
    """A function of the pictures that a generator's update made, and what it is multiplied by."""

    weight: float
    function: TermFunction


Terms = Mapping[str, Term]


def checked_terms(given: Mapping[Any, Any]) -> dict[str, Term]:
    """What ``train(..., terms={"edges": (10.0, function)})`` was given.

    Raises:
        UsageError: for a name that a log cannot have, a weight that is no finite number, or what is no function.
    """
    for name, given_term in given.items():
        if not (isinstance(name, str) and name.isidentifier()):
            raise UsageError(f"a term is called {name!r}; give it a name of letters, digits and underscores.")
        match given_term:
            case (bool(), _):
                pass
            case (int() | float() as weight, function) if math.isfinite(weight) and callable(function):
                continue
        raise UsageError(f"the term {name} is {given_term!r}; give (weight, function), such as (10.0, my_loss).")
    return {name: Term(float(weight), function) for name, (weight, function) in given.items()}


def described(terms: Terms) -> str:
    """Names and weights, such as "edges=10, colour=0.5", by which a run knows the terms that it was begun with."""
    return ", ".join(f"{name}={terms[name].weight:.17g}" for name in sorted(terms))


def extra_terms(terms: Terms, losses: Losses, role: str) -> dict[str, Tensor]:
    """The terms of an update's pictures, in float32; of two ways in one update each has the way behind its name.

    Args:
        role: of the side that is trained: "generator" or "discriminator".

    Raises:
        UsageError: for a function that gives no scalar, or one that does not depend on the fake, for a name that is taken, and for a
            system that does not say what it translated.
    """
    if terms and not losses.pictures and role != "discriminator":
        raise UsageError(
            f"extra loss terms are of the pictures of an update, and this system's update of {losses.trains} carries none; "
            f"give its Losses pictures=."
        )
    found: dict[str, Tensor] = {}
    for name, term in terms.items():
        for way, pictures in losses.pictures.items():
            key = f"{name}_{way.replace('-', '_')}" if len(losses.pictures) > 1 else name
            if key in losses.terms or key in losses.figures or key == "gradient":
                raise UsageError(f"the system has a {key} of its own; give the term {name} another name.")
            source, target, fake = (part.float() if part.is_floating_point() else part for part in pictures)
            with of_users_code(f"the term {name}"):
                value: Any = term.function(source, target, fake)  # whatever a caller without types may give
            if not isinstance(value, Tensor) or value.shape != () or not value.is_floating_point():
                what = f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
                raise UsageError(f"the term {name} must give a scalar tensor, such as a mean, and gives {what}.")
            if not value.requires_grad:
                raise UsageError(
                    f"the term {name} does not depend on the fake, so nothing would be learned from it; "
                    f"compute it of the fake without detach or item."
                )
            found[key] = term.weight * value.float()
    return found


def require_update(system: str, sides: Container[str], losses: Losses) -> None:
    """Refuse an update that cannot be made: of a side that is none, or of terms that are no scalars.

    Raises:
        UsageError: naming the side or the term.
    """
    if losses.trains not in sides:
        raise UsageError(f'{system} yields losses of "{losses.trains}", which is not among its sides; name it there.')
    terms: Mapping[str, Any] = losses.terms  # whatever a system without types may give
    for name, value in terms.items():
        if not isinstance(value, Tensor) or value.shape != ():
            what = f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise UsageError(
                f"{system}: the term {name} of {losses.trains} must be a scalar tensor, such as a mean, and is {what}."
            )
    if not any(value.requires_grad for value in losses.terms.values()):
        raise UsageError(f"{system}: no term of {losses.trains} depends on its weights; compute one without detach.")
