"""What refuses a start, or going on with a run: it is known before anything is said or written."""

from collections.abc import Iterator, Mapping

from diptych.checkpoints import DamagedCheckpoint, Facts, read_facts
from diptych.errors import UsageError
from diptych.recipe import Recipe
from diptych.training.distillation import require_teacher
from diptych.training.first_weights import weights_of
from diptych.training.processes import Processes, conditions
from diptych.training.run import Run
from diptych.training.schedule import another_length, steps_per_epoch
from diptych.training.terms import described


def require_startable(recipe: Recipe, run: Run, processes: Processes, pictures: int | None = None) -> None:
    """Refuse what training would end on before its first step.

    Args:
        pictures: how many there are to train on; None has them counted.

    Raises:
        DiptychError: for too few pictures, first weights or a teacher that are not there, or a run that was trained by another number of
            processes, or is longer already.
    """
    settings = recipe.training
    if pictures is None:
        pictures = len(run.splits.train())
    if settings.batch_size > pictures:
        raise UsageError(
            f"training.batch_size is {settings.batch_size}, and there are only {pictures} training pictures; "
            f"set it to {pictures} or less."
        )
    if settings.teacher:
        require_teacher(recipe)
    steps = run.saved_steps()
    if settings.init_from and not steps:
        weights_of(settings.init_from)
    if not steps or not (facts := checkpoint_facts(run, steps[-1])):
        return
    list(
        compare_conditions(run, facts, conditions(settings, processes))
    )  # what it says is said at the checkpoint itself
    epoch = steps_per_epoch(settings, pictures, processes.size)
    another_length((run.stored or run.recipe).training, settings, steps[-1], epoch)


def checkpoint_facts(run: Run, step: int) -> Facts:
    """The facts of a checkpoint; none of a damaged one, in whose place an older one is taken."""
    try:
        return read_facts(run.path_of(step))
    except DamagedCheckpoint:
        return {}


def compare_conditions(run: Run, known: Mapping[str, object], now: Mapping[str, int | str]) -> Iterator[str]:
    """What differs between a checkpoint's conditions and these, in sentences; one that does not tell them is taken as it is.

    Raises:
        UsageError: for another number of processes, each of which has a part of the pictures and a state of its own, and for other
            extra loss terms.
    """
    terms_before, terms_now = known.get("terms", ""), described(run.terms)
    if terms_before != terms_now:
        raise UsageError(
            f"{run.folder} was trained with {terms_before or 'no'} extra loss terms, and this start has {terms_now or 'none'}; "
            f"give diptych.train the same terms= in Python, {run.or_anew()}"
        )
    before = {**now, **{key: value for key, value in known.items() if key in now}}
    if before["processes"] != now["processes"]:
        count = "1 process" if before["processes"] == 1 else f"{before['processes']} processes"
        raise UsageError(
            f"{run.folder} was trained by {count}, and this start has {now['processes']}; start as many, "
            f"or begin anew from its weights with training.init_from={run.folder} and another --out."
        )
    exact = f" OMP_NUM_THREADS={before['threads']} makes it exact."
    for key, remedy in (("device", ""), ("precision", ""), ("threads", exact)):
        on_processors = before["device"] == now["device"] == "cpu"
        if before[key] != now[key] and (key != "threads" or on_processors):
            yield (
                f"The checkpoint was made with {key} {before[key]} and training goes on with {now[key]}: the result will agree "
                f"with an uninterrupted run's up to rounding, not bit for bit.{remedy}"
            )
