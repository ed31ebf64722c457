"""diptych turns a picture into its counterpart: image-to-image translation with conditional GANs.

The public names are imported when they are first used, so that ``import diptych`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from diptych import register
    from diptych.errors import DiptychError, UsageError
    from diptych.evaluation.pictures import judge
    from diptych.pictures.kinds import Batch, Kind
    from diptych.recipe import Recipe
    from diptych.training.loop import train_folder as train
    from diptych.translator.translator import Translator

EXPORTS = {
    "Batch": "diptych.pictures.kinds",
    "DiptychError": "diptych.errors",
    "Kind": "diptych.pictures.kinds",
    "Recipe": "diptych.recipe",
    "Translator": "diptych.translator.translator",
    "UsageError": "diptych.errors",
    "register": "diptych.register",
    "judge": "diptych.evaluation.pictures",
    "train": "diptych.training.loop:train_folder",
}

__all__ = [
    "Batch",
    "DiptychError",
    "Kind",
    "Recipe",
    "Translator",
    "UsageError",
    "__version__",
    "judge",
    "register",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in EXPORTS:
        raise AttributeError(f"module 'diptych' has no attribute {name!r}")
    place, _, attribute = EXPORTS[name].partition(":")
    module = import_module(place)
    return module if place == f"diptych.{name}" else getattr(module, attribute or name)
