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
    from diptych.networks import NETWORKS
    from diptych.pictures.kinds import Batch, Kind
    from diptych.recipe import Recipe, read
    from diptych.systems import SYSTEMS, Domains, Losses, System, Translated
    from diptych.training.monitoring.callbacks import Callback, Training
    from diptych.training.run import Run
    from diptych.training.train import train
    from diptych.translator.translator import Translator

EXPORTS = {
    "NETWORKS": "diptych.networks",
    "SYSTEMS": "diptych.systems",
    "Batch": "diptych.pictures.kinds",
    "Callback": "diptych.training.monitoring.callbacks",
    "DiptychError": "diptych.errors",
    "Domains": "diptych.systems",
    "Kind": "diptych.pictures.kinds",
    "Losses": "diptych.systems",
    "Recipe": "diptych.recipe",
    "Run": "diptych.training.run",
    "System": "diptych.systems",
    "Training": "diptych.training.monitoring.callbacks",
    "Translated": "diptych.systems",
    "Translator": "diptych.translator.translator",
    "UsageError": "diptych.errors",
    "register": "diptych.register",
    "judge": "diptych.evaluation.pictures",
    "read": "diptych.recipe",
    "train": "diptych.training.train",
}

__all__ = [
    "NETWORKS",
    "SYSTEMS",
    "Batch",
    "Callback",
    "DiptychError",
    "Domains",
    "Kind",
    "Losses",
    "Recipe",
    "Run",
    "System",
    "Training",
    "Translated",
    "Translator",
    "UsageError",
    "__version__",
    "judge",
    "read",
    "register",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in EXPORTS:
        raise AttributeError(f"module 'diptych' has no attribute {name!r}")
    module = import_module(EXPORTS[name])
    return module if EXPORTS[name] == f"diptych.{name}" else getattr(module, name)
