"""The whole of ``diptych train``: what is trained, its run folder, the training, and what is said; for the command and for Python."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from shlex import join as join_words

from diptych.data.given import GivenSplits, Items, for_items
from diptych.errors import UsageError
from diptych.machine.signals import stop_on_signals
from diptych.recipe import Recipe
from diptych.registry import import_words
from diptych.training import loop
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.monitoring.callbacks import Callback
from diptych.training.monitoring.watch import Watch
from diptych.training.processes import Processes, join, precision_of
from diptych.training.run import Run
from diptych.training.setup.minutes import begun_in_minutes
from diptych.training.setup.start import Start, start
from diptych.training.setup.startable import require_startable
from diptych.training.terms import TermFunction, checked_terms


def train(
    recipe: Recipe | str | Path,
    folder: Path | str | None = None,
    *,
    profile: str = "",
    overrides: Sequence[str] = (),
    minutes: float | None = None,
    check: bool = True,
    dataset: Items | None = None,
    validation: Items | None = None,
    callbacks: Sequence[Callback] = (),
    terms: Mapping[str, tuple[float, TermFunction]] | None = None,
) -> Run:
    """Train into the run folder ``folder``, or go on with what is there.

    Args:
        recipe: a recipe; or what the command ``diptych train`` takes: a recipe's name, a TOML file, a run, or a folder of pictures, for
            which a recipe is chosen.
        folder: the run folder; by default that of the command. A ``Recipe`` needs one.
        profile: of a recipe that is named, such as "small".
        overrides: ``key.sub=value`` for what is named.
        minutes: the length, in place of steps and epochs.
        check: look a folder of pictures over before training.
        dataset: to train on in the place of a folder, with ``__len__`` and ``__getitem__``. An item is (source, target): both
            float tensors (channels, height, width) in [-1, 1] of the size ``data.crop_size``, or both numpy arrays
            (height, width, channels) as files hold them, which are resized, cropped and mirrored as the recipe says.
        validation: such a dataset for scores, sample grids and the best checkpoint; without it there are none.
        callbacks: told of what happens, see ``Callback``.
        terms: extra loss terms by name, (weight, function): a function of (source, target, fake), each float32
            (batch, channels, height, width), gives a scalar tensor, which is minimised with the generator's losses.

    Returns:
        The run, complete or stopped.

    Raises:
        DiptychError: for anything that is explained; what had been saved is whole.
        UsageError: for arguments, options or items that are wrong.
    """
    place = None if folder is None else Path(folder)
    if not isinstance(recipe, Recipe):
        chosen = start(str(recipe), overrides, profile, place, minutes)
    elif place is None or overrides or profile:
        raise UsageError("a Recipe is trained into a folder that must be named, and takes no overrides and no profile.")
    else:
        chosen = Start(recipe, place)
    if isinstance(callbacks, Callback):
        raise UsageError("callbacks takes a list; write callbacks=[...].")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise UsageError(
                f"{callback!r} is no diptych.Callback; give an instance of a class that is derived from it."
            )
    watch = carry_out(chosen, minutes, dataset, validation, callbacks, terms, check=check)
    return watch.run


def carry_out(
    chosen: Start,
    minutes: float | None = None,
    dataset: Items | None = None,
    validation: Items | None = None,
    callbacks: Sequence[Callback] = (),
    terms: Mapping[str, tuple[float, TermFunction]] | None = None,
    *,
    check: bool = True,
    opens: Callable[[Path], None] | None = None,
    signals: bool = False,
) -> Watch:
    """Train what was chosen, and say how it ends.

    Args:
        chosen: recipe, run folder, and sentences that are said first.
        minutes, dataset, validation, callbacks, terms, check: as for ``train``.
        opens: is given the report, once.
        signals: Ctrl-C and the signals that end a process save the run.
    """
    keep_freed_memory()
    recipe, folder = chosen.recipe, chosen.folder
    splits = None
    if dataset is not None:
        recipe = recipe_for_items(chosen, validation is not None)
        splits = GivenSplits(recipe.data, dataset, validation)
    elif validation is not None:
        raise UsageError("validation= goes with dataset=; a folder has validation pictures of its own.")
    if minutes is not None:
        recipe, minutes = begun_in_minutes(recipe, folder, minutes)
    processes = join(recipe.training.device)
    run = Run(folder, recipe, processes.leads, splits, checked_terms(terms or {}))
    with taking_part(run, processes):
        watch = Watch(run, processes, opens=opens, callbacks=callbacks)
        for sentence in (*chosen.said, f"Run folder: {folder}"):
            watch.say(sentence)
        if check and splits is None and processes.leads:
            from diptych.data.checks.check import before_training

            before_training(recipe.data, watch.say)
        if signals:
            stop_on_signals(watch.interrupt)
        loop.train(recipe, run, processes, watch, minutes)
        words = join_words([str(folder), *import_words()])
        command = f", and so does: diptych train {words}" if splits is None and not run.terms else ""
        if watch.paused:
            watch.say(f"Saved. The same {'command' if signals else 'call'} goes on from here: {folder}{command}")
        else:
            watch.say(f"Done: {folder}. Translate with: diptych translate {words} PICTURES --out FOLDER")
    return watch


@contextmanager
def taking_part(run: Run, processes: Processes) -> Iterator[None]:
    """Within, the run's folder is ours, and all processes are there; they leave together where all goes well."""
    try:
        precision_of(
            run.recipe.training, processes.device
        )  # refused before the data are looked over, which may take minutes
        with processes.explaining(run.what_is_kept), run:
            processes.wait()
            require_startable(run.recipe, run, processes)
            yield
        with suppress(RuntimeError):  # all is said and saved
            processes.wait()  # torchrun ends the others as soon as one has ended
    finally:
        processes.close()


def recipe_for_items(chosen: Start, validated: bool) -> Recipe:
    """The recipe where pictures come from Python.

    Raises:
        UsageError: for what needs a folder, or pictures to validate on that are not there.
    """
    recipe = chosen.recipe
    if chosen.chosen:
        raise UsageError(
            "a folder of pictures and dataset= are both given; name a recipe, such as pix2pix, for the dataset."
        )
    if recipe.data.direction != "a-to-b":
        raise UsageError("items say already what the source is; leave data.direction at a-to-b.")
    if "fcn" in recipe.training.metrics:
        raise UsageError("fcn of training.metrics needs label pictures of a folder; leave it away with dataset=.")
    if not validated and recipe.training.metrics:
        raise UsageError("training.metrics need pictures to validate on; give validation=.")
    return replace(recipe, data=for_items(recipe.data))
