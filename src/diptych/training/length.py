"""Steps of a run, and what changing them means for a run that has begun: it goes on with Adam's moments and the new schedule."""

import math

from diptych.errors import UsageError
from diptych.recipe import TrainingSettings
from diptych.training.schedule import factor


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
