"""Steps of a run, and learning-rate factors as pure functions of the step: nothing to save, nothing to forget.

The epoch-wise linear schedules follow the public codes. "linear-pytorch" is stepped at the start of every epoch, so its last epoch
trains with rate 0. "linear-pytorch-old" is stepped at the end. "linear-torch" subtracts after each epoch past the held ones.
"""

import math

from diptych.errors import UsageError
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


def length(settings: TrainingSettings, steps_per_epoch: int) -> int:
    """Steps of the run: of steps and epochs, where both are given, whichever ends first."""
    by_epochs = math.ceil(settings.epochs * steps_per_epoch)
    return min(steps for steps in (settings.steps, by_epochs) if steps)


def steps_per_epoch(settings: TrainingSettings, pictures: int, processes: int) -> int:
    """Steps in which as many pictures are taken as there are."""
    batches = settings.accumulate * settings.discriminator_updates
    return max(1, pictures // (settings.batch_size * batches * processes))


def another_length(before: TrainingSettings, now: TrainingSettings, step: int, steps_per_epoch: int) -> str:
    """A sentence on the new length of a run that has made ``step`` steps; empty for the same length.

    Raises:
        UsageError: when the run has gone further already, or when it still ends where it did.
    """
    first, second = length(before, steps_per_epoch), length(now, steps_per_epoch)
    if step > second:
        raise UsageError(
            f"the run stands at step {step}, and training.steps and training.epochs end it at {second}; give {step} steps or more."
        )
    if first == second:
        refuse_without_effect(before, now, second, steps_per_epoch)
        return ""
    words = f"The run had {first} steps and has {second} now"
    made = range(step)
    if all(factor(before, at, first, steps_per_epoch) == factor(now, at, second, steps_per_epoch) for at in made):
        return f"{words}; the {step} steps made had the rates of a run of that length."
    last = factor(before, step - 1, first, steps_per_epoch)
    coming = factor(now, min(step, second - 1), second, steps_per_epoch)
    return (
        f"{words}: training.schedule={now.schedule} is stretched over them. The last step had {last:.3g} of the full rate, the next "
        f"has {coming:.3g}; the {step} steps made would have had other rates in a run of {second} steps from its beginning."
    )


def refuse_without_effect(before: TrainingSettings, now: TrainingSettings, steps: int, steps_per_epoch: int) -> None:
    """Of steps and epochs the one that ends first counts, so to raise the other alone does nothing."""
    if now.steps > max(before.steps, steps) and now.epochs:
        raise UsageError(
            f"training.steps={now.steps} changes nothing: training.epochs={now.epochs:g} ends the run at step {steps}; "
            f"set training.epochs=0 too."
        )
    if now.epochs > before.epochs and now.steps and math.ceil(now.epochs * steps_per_epoch) > steps:
        raise UsageError(
            f"training.epochs={now.epochs:g} changes nothing: training.steps={now.steps} ends the run at step {steps}; "
            f"set training.steps=0 too."
        )
