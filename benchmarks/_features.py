"""Feature networks for measurements of time and memory, which do not depend on the weights."""

from torch import nn

from diptych.errors import DiptychError
from diptych.networks.features.pretrained import load, spec_of


def load_or_untrained(name: str) -> nn.Module:
    """A feature network with its weights where they are found."""
    try:
        return load(name)
    except DiptychError:
        return spec_of(name).build().eval().requires_grad_(False)
