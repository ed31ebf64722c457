"""Whether a run may go on with another recipe: keys are compared by what they mean, and data by what they hold.

It may where no key that decides what is learned has another meaning, however it is spelled. Where the data lie does not
count: what they hold is compared (``diptych.data.inventory``).
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from diptych.data.inventory import DATASET, Inventory, compared, is_named_set
from diptych.data.settings import DataSettings, as_size
from diptych.errors import UsageError
from diptych.files import expand_user
from diptych.machine.devices import choose
from diptych.recipe import Recipe, TrainingSettings, differences
from diptych.tables import flatten
from diptych.training.processes import fast_precision

FREE = {
    "data.workers",
    "data.cache_gib",
    "data.resident",
    "data.shard_cache_gib",
    "data.palette",
    "data.source.names",
    "data.target.names",
    "training.checkpoint_every",
    "training.checkpointing",
    "training.device",
    "training.graph",
    "training.init_from",
    "training.keep",
    "training.log_every",
    "training.max_faults",
    "training.metrics_share",
    "training.picture_every",
    "training.pictures",
    "training.report",
    "training.teacher_checkpoint",
    "training.tensorboard",
}
"""Keys that change nothing of what is learned once there is a checkpoint, so they may differ between a run and its
resumption. Another device rounds in another way, which is said (``compare_conditions``)."""

LENGTH = ("steps", "epochs", "stop_after", "patience")
"""Keys of [training] that say when the run ends, which may be put off (``diptych.training.schedule``)."""

FOLDERS = ("data.source_folders", "data.target_folder")
PLACES = ("data.folder", "data.layout", "data.mask_folder", "data.valid_folder", *FOLDERS)
"""Keys that say where the data are and what belongs together there: of these counts what is found."""


def changed(stored: Recipe, now: Recipe, resumes: bool, known_content: bool) -> dict[str, tuple[Any, Any]]:
    """The dotted keys in which ``now`` is another recipe, with both values as they are written.

    Args:
        resumes: there is a checkpoint to go on from, so first weights are not taken from elsewhere.
        known_content: the data are compared by what they hold, so where they lie is not.
    """
    device = choose(now.training.device)
    first, second = meaning(stored, device), meaning(now, device)
    free = FREE | {f"training.{key}" for key in LENGTH} if resumes else FREE - {"training.init_from"}
    both = {key: pair for key, pair in differences(stored, now).items() if key not in free and not of_code(key)}
    found = {key: pair for key, pair in both.items() if first.get(key) != second.get(key)}
    if not known_content:
        return found
    # The same folders with their parts exchanged may hold files of the same names and sizes.
    renamed = {
        key for key in FOLDERS if key in found and all(found[key]) and names(found[key][0]) != names(found[key][1])
    }
    return {key: pair for key, pair in found.items() if key not in PLACES or key in renamed}


def of_code(key: str) -> bool:
    """Whether the key says whose code registered a name; a file may be called otherwise by now."""
    return key.startswith("registered.")


def data_remarks(
    folder: Path, began: Recipe, now: Recipe, before: Inventory, held: Inventory, or_anew: str
) -> Iterator[str]:
    """Sentences on what of a run's data has changed since they were last trained on.

    Args:
        folder: of the run.
        began, now: the recipe that it began with, and that of this start.
        before, held: what the data held, and hold.
        or_anew: how to begin anew, for the end of a refusal.

    Raises:
        UsageError: when nothing of the data is left.
    """
    change, place, given = compared(before, held), now.data.folder, DATASET in held
    known = not given and is_named_set(now.data) and began.data.folder == place  # another machine may draw other files
    if change and not change.same and not known:
        found = f"no example in {place} has the name and size of one of those"
        if given:
            found = "no item that was looked at holds what it held"
        same = "the same dataset from Python" if DATASET in before else f"data.folder={began.data.folder}"
        raise UsageError(f"{folder} was begun with other data: {found}. Give {same} to go on, {or_anew}")
    if change:
        found = f"in {place} have changed since the run was last trained: {change.summary()}"
        if given:
            found = f"have changed since the run was last trained; of the items looked at: {change.summary('changed')}"
        yield f"The data {found}. It goes on with them as they are now; without that change its result would be another."
    if real(began.data.folder) != real(place):
        yield f"data.folder was {began.data.folder} and is now {place}."


def meaning(recipe: Recipe, device: torch.device) -> dict[str, Any]:
    """The recipe's values by dotted keys, one for what can be written in several ways."""
    data, training = recipe.data, recipe.training
    table = flatten(recipe.to_table())
    for key in ("load_size", "crop_size"):
        table[f"data.{key}"] = as_size(getattr(data, key))
    for side, kind in (("source", data.source), ("target", data.target)):
        table[f"data.{side}.low"], table[f"data.{side}.high"] = kind.range
    for key in ("folder", "mask_folder", "valid_folder"):
        table[f"data.{key}"] = real(getattr(data, key))
    table["training.metrics"] = set(training.metrics)
    table["training.teacher"] = bool(training.teacher)  # a checkpoint knows its weights, wherever they lie
    if training.precision == "auto":
        table["training.precision"] = fast_precision(device)
    if isinstance(table.get("options.dropout"), list):
        table["options.dropout"] = set(table["options.dropout"])  # levels
    return table


def real(folder: str) -> str:
    """The folder itself where there is one, however it is written; else what is written."""
    place = expand_user(folder)
    return os.path.realpath(place) if folder and place.exists() else folder.rstrip("/")


def names(folders: str | list[str]) -> list[str]:
    return [Path(folder).name for folder in ([folders] if isinstance(folders, str) else folders)]


def with_data_at(stored: Recipe, data: DataSettings) -> Recipe:
    """The stored recipe with its data where they are now."""
    keys = [key.removeprefix("data.") for key in PLACES]
    return replace(stored, data=replace(stored.data, **{key: getattr(data, key) for key in keys}))


def with_length_of(stored: Recipe, now: TrainingSettings) -> Recipe:
    """The stored recipe with the end that it has now."""
    return stored.replace(**{key: getattr(now, key) for key in LENGTH})
