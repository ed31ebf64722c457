"""The training loop: make a step, log and save what is due, and go on; after a fault, restore the last good state.

Nothing that is not finite reaches a checkpoint. The step is dropped and the last checkpoint restored, and from then on the random
draws are others, so the same fault need not come again.
"""

from contextlib import closing, suppress
from types import MappingProxyType

from diptych.data import Dataset, stream
from diptych.data.resident import Resident, resident
from diptych.errors import DiptychError
from diptych.machine.devices import free_bytes
from diptych.recipe import Recipe
from diptych.training.first_weights import start_from
from diptych.training.monitoring.watch import Watch
from diptych.training.processes import Processes, conditions
from diptych.training.run import Run
from diptych.training.schedule import another_length
from diptych.training.setup.minutes import fix_length
from diptych.training.setup.startable import compare_conditions, require_startable
from diptych.training.terms import Terms
from diptych.training.trainer import Fault, Trainer

FAULT_SEED = 1_000_003  # a prime, so that the stream's seed after a fault is far from those that a person would choose


def train(recipe: Recipe, run: Run, processes: Processes, watch: Watch, minutes: float | None = None) -> None:
    """Train until the recipe's end, a request to stop, or an explained failure; resume where the run stands.

    With ``minutes`` the end is so far away, and the run's recipe says afterwards how many steps that are.
    """
    watch.measuring = minutes is not None
    dataset = run.splits.train()
    require_startable(recipe, run, processes, len(dataset))
    dataset, trainer = prepare(dataset, recipe, processes, run.terms)
    trainer.tell = lambda sentence: watch.record.health(watch.at, sentence)
    if minutes is not None:
        fix_length(minutes, trainer, dataset, run, watch)
        watch.measuring = False
    watch.begin(trainer, dataset)
    if isinstance(dataset, Resident):
        watch.say(f"Pictures stay on the device once they are read ({dataset.bytes / 2**20:.0f} MiB).")
    try:
        with processes.explaining(run.what_is_kept):
            advance_to_end(trainer, dataset, run, watch)
    except Exception as problem:
        watch.failed(str(problem).partition("\n")[0] or type(problem).__name__)
        raise
    watch.ended()


def prepare(
    dataset: Dataset, recipe: Recipe, processes: Processes, terms: Terms = MappingProxyType({})
) -> tuple[Dataset, Trainer]:
    """What the stream reads from, on the device where pictures can stay there, and the trainer that takes what it gives."""
    device = processes.device
    kept = resident(dataset, recipe.data, device, free_bytes(device), recipe.data.resident)
    if kept is None:
        return dataset, Trainer(recipe, processes, len(dataset), terms=terms)
    return kept, Trainer(recipe, processes, len(dataset), kept.pictures, terms)


def advance_to_end(trainer: Trainer, dataset: Dataset, run: Run, watch: Watch) -> None:
    """Step after step, from where the run stands; after a fault, from the last good state."""
    recipe, processes = run.recipe, trainer.processes
    step, faults = restore(trainer, run, watch, 0)
    settings = recipe.training
    while not watch.finished(step):
        start, seed = step * trainer.batches_per_step, settings.seed + FAULT_SEED * faults
        place = (processes.rank, processes.size, processes.device)
        with closing(stream(dataset, settings.batch_size, seed, start, recipe.data.workers, *place)) as batches:
            try:
                while not watch.finished(step):
                    processes.request_stop(watch.interrupted)
                    entry = trainer.advance(batches, step, faults)
                    step += 1
                    watch.after(step, faults, entry)
            except Fault as fault:
                at = step if fault.step is None else fault.step
                step, faults = recover(trainer, run, watch, at, faults + 1, str(fault))
            except Exception as problem:
                if trainer.between_steps:
                    rescue(watch, step, faults)
                if processes.size > 1 and isinstance(problem, DiptychError):
                    raise type(problem)(f"{problem} One process alone saves nothing: {run.what_is_kept()}.") from None
                raise


def restore(trainer: Trainer, run: Run, watch: Watch, faults: int) -> tuple[int, int]:
    """Take the newest whole checkpoint, or the seed's (or ``init_from``'s) weights where there is none."""
    found = run.latest()
    source = run.recipe.training.init_from
    if found is not None:
        for sentence in compare_conditions(run, found.facts, conditions(run.recipe.training, trainer.processes)):
            watch.say(sentence)
        step, faults = int(found.facts["step"]), max(faults, int(found.facts["faults"]))
        before = (run.stored or run.recipe).training
        run.keep_length(another_length(before, run.recipe.training, step, trainer.steps_per_epoch))
        if odd := trainer.state.mismatch(found.tensors):
            raise DiptychError(f"{run.path_of(step)} is no checkpoint of this run: {odd}; copy it again, or remove it.")
        trainer.state.load(found.tensors)
        watch.resumed(step, faults)
        return step, faults
    if source:
        watch.say(start_from(trainer.state, source))
    watch.resumed(0, faults)
    return 0, faults


def recover(trainer: Trainer, run: Run, watch: Watch, step: int, faults: int, what: str) -> tuple[int, int]:
    """After a fault: back to the last good state with other draws, or an end with advice when there were too many."""
    allowed = run.recipe.training.max_faults
    watch.record.fault(step, faults, what)
    if faults > allowed:
        raise DiptychError(
            f"training stopped at step {step}: {what}, fault {faults} of {allowed} allowed. Lower training.learning_rate, "
            f"set training.clip_gradient=1, or training.precision=float32; {run.what_is_kept()}."
        )
    trainer.begin_anew()
    return restore(trainer, run, watch, faults)


def rescue(watch: Watch, step: int, faults: int) -> None:
    """Training is about to end with an error: keep the state of ``step``, where it is whole and one process alone can.

    Of several, each has a part of the state, and the others are on their way already; ``Run.what_is_kept`` says what there is.
    """
    if watch.processes.size > 1 or step in (0, watch.saved):
        return
    with suppress(Fault, DiptychError, RuntimeError):  # the end has its reason already
        if watch.last is not None:
            watch.last.look()
        if not watch.state.first_not_finite():
            watch.state.statistics = {}
            with suppress(Exception):  # whatever keeps them from being had, the weights are whole
                watch.gather_statistics()
            watch.keep(step, faults)
            watch.saved = step
            watch.say(f"Saved at step {step}, before the end; the same command goes on from there.")
