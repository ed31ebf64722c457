"""What judges in pix2pix and CycleGAN: a PatchGAN or a registered network, a projected discriminator beside it, or that alone.

A projected discriminator sees the picture alone, never its source: L1 or the cycle holds the content.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from diptych.errors import UsageError
from diptych.losses import ADVERSARIES
from diptych.networks import NETWORKS, NetworkSpec, size_limits
from diptych.networks.projected import FEATURES, Heads, ProjectedDiscriminator
from diptych.registry import Names
from diptych.systems.parts.multi_scale import ScaleMaps, logits
from diptych.systems.system import Losses, accuracy

Projected = Literal["none", "beside", "alone"]
DiscriminatorName = Annotated[str, Names(NETWORKS, "patchgan")]


class PatchAndProjected(nn.Module):
    """Two discriminators that are trained together."""

    def __init__(self, patch: nn.Module, projected: ProjectedDiscriminator) -> None:
        super().__init__()
        self.patch, self.projected = patch, projected
        self.multiple, self.min_size = size_limits(patch).multiple, size_limits(patch).min_size


def build_judges(projected: Projected, heads: Heads, patch: NetworkSpec) -> nn.Module:
    """The discriminator that ``options.projected`` names; with "none" it is that of ``options.discriminator`` itself.

    Raises:
        DiptychError: when the weights of the projected discriminator's network are missing.
    """
    if projected == "alone":
        return ProjectedDiscriminator(heads)
    found = patch.fresh()
    return found if projected == "none" else PatchAndProjected(found, ProjectedDiscriminator(heads))


def require_maps(name: str, judges: nn.Module | None) -> None:
    """Refuse to match the maps of a discriminator that does not show them.

    Raises:
        UsageError: naming it.
    """
    patch = judges.patch if isinstance(judges, PatchAndProjected) else judges
    if not callable(getattr(patch, "maps", None)):
        raise UsageError(
            f'the network "{name}" has no method maps, and options.feature_matching compares them; set that to 0.'
        )


def network_facts(projected: Projected) -> dict[str, str]:
    """For the card: the network that the discriminator looks through."""
    return {} if projected == "none" else {"projected discriminator": FEATURES}


def judged_by(judges: nn.Module, picture: Tensor, source: Tensor | None = None, matching: bool = False) -> ScaleMaps:
    """For each discriminator its logits; those of a PatchGAN come after its other maps where features are matched.

    Args:
        source: what a conditional discriminator sees beside the picture.
    """
    if isinstance(judges, PatchAndProjected):
        return [*judged_by(judges.patch, picture, source, matching), *judged_by(judges.projected, picture)]
    if isinstance(judges, ProjectedDiscriminator):
        return [[judges(picture)]]
    seen = picture if source is None else torch.cat([source, picture], dim=1)
    if not matching:
        return [[judges(seen)]]
    network: Any = judges  # a PatchGAN, or another that has ``maps``
    return [network.maps(seen)]


def named(word: str, values: Iterable[Tensor]) -> dict[str, Tensor]:
    """A value for each discriminator: the first is called ``word``, that of a projected one beside it ``projected_WORD``."""
    return dict(zip((word, f"projected_{word}"), values, strict=False))


def terms_of_judges(adversary: str, judged: ScaleMaps, word: str = "adversarial") -> dict[str, Tensor]:
    """The generator's adversarial terms, one for each discriminator."""
    return named(word, map(ADVERSARIES[adversary].generator, logits(judged)))


def losses_of_judges(
    trains: str,
    adversary: str,
    real: ScaleMaps,
    judged: ScaleMaps,
    words: tuple[str, str] = ("adversarial", "accuracy"),
) -> Losses:
    """The halved loss of each discriminator (pix2pix, section 3.3), and its accuracy; ``words`` are their names in the log."""
    pairs = list(zip(logits(real), logits(judged), strict=True))
    terms = named(words[0], [0.5 * ADVERSARIES[adversary].discriminator(*pair) for pair in pairs])
    shares = [accuracy(adversary, *pair) for pair in pairs]
    return Losses(trains, terms, named(words[1], [share["accuracy"] for share in shares if share]))
