"""Learning-rate factors as pure functions of the step: nothing to save, nothing to forget.

The epoch-wise linear schedules follow the public codes. "linear-pytorch" is stepped at the start of every epoch, so its last epoch
trains with rate 0. "linear-pytorch-old" is stepped at the end. "linear-torch" subtracts after each epoch past the held ones.
"""

import math

from diptych.recipe import TrainingSettings


def factor(settings: TrainingSettings, step: int, steps: int, steps_per_epoch: int) -> float:
    """The share of the full learning rate for update ``step`` (from 0) of ``steps``."""
    match settings.schedule:
        case "constant":
            return 1.0
        case "linear":
            return min(1.0, (1 - step / steps) / (1 - settings.hold)) if settings.hold < 1 else 1.0
        case "cosine":
            held = settings.hold * steps
            return 1.0 if step < held else 0.5 + 0.5 * math.cos(math.pi * (step - held) / (steps - held))
        case "step":
            return float(settings.step_factor ** math.floor(step / (settings.step_every * steps)))
        case variant:
            epochs = math.ceil(steps / steps_per_epoch)
            held_epochs = round(settings.hold * epochs)
            return by_epoch(variant, step // steps_per_epoch + 1, held_epochs, epochs - held_epochs)


def by_epoch(variant: str, epoch: int, held: int, falling: int) -> float:
    """The factor in ``epoch`` (from 1) of ``held`` constant and ``falling`` falling epochs.

    With 100 and 100: linear-pytorch gives 1 at 99, 0.990099 at 100, 0 at 200; linear-pytorch-old 1 at 100, 0.990099 at
    101, 0.009901 at 200; linear-torch 1 at 101, 0.99 at 102, 0.01 at 200.
    """
    match variant:
        case "linear-pytorch":
            return 1 - max(0, epoch + 1 - held) / (falling + 1)
        case "linear-pytorch-old":
            return 1 - max(0, epoch - held) / (falling + 1)
        case _:
            return 1 - max(0, epoch - 1 - held) / max(falling, 1)
