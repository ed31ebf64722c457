"""A run is a folder that explains itself: recipe, card, log, scores, pictures, checkpoints. The same command resumes it."""

import contextlib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import filelock
from torch import Tensor

from diptych import checkpoints
from diptych.data import FolderSplits, Splits
from diptych.data.inventory import DATASET, Inventory, from_text, to_text
from diptych.errors import DiptychError, UsageError, write_error
from diptych.evaluation.metrics import direction
from diptych.files import as_json, read_text, remove_partial_files, write_text
from diptych.machine.locks import take
from diptych.recipe import Recipe, lay_over, require_code
from diptych.report.curves import lines, number
from diptych.training.identity import changed, data_remarks, with_data_at, with_length_of
from diptych.training.terms import Terms
from diptych.translator.card import read_cards

RECIPE, DATA, LOCK = "recipe.toml", "data.json", ".lock"


class Run:
    """The folder of one run; only the process that leads writes to it.

    Args:
        folder: where it is, or will be.
        recipe: what is trained.
        leads: whether this process writes.
        splits: the pictures, where they are not those of the recipe's folder.
        terms: extra loss terms, which no recipe can hold.
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        leads: bool = True,
        splits: Splits | None = None,
        terms: Terms = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self.recipe = recipe
        self.leads = leads
        self.splits = splits or FolderSplits(recipe.data)
        self.terms = terms
        self.messages: list[str] = []
        self.remarks: list[tuple[str, str]] = []
        """Kind of event and sentence."""
        self.stored: Recipe | None = None
        """What the folder's recipe says of the run that is gone on with, in the process that leads."""
        self.lock = filelock.FileLock(folder / LOCK, timeout=0)
        self.made: list[Path] = []
        """The folder and files that were not there before this start."""

    def __enter__(self) -> "Run":
        if self.leads:
            self.claim()
        return self

    def __exit__(self, *_: object) -> None:
        if self.leads:
            with contextlib.suppress(OSError):  # a folder that is gone holds nothing that was begun
                begun = {path.name for path in self.folder.iterdir()} - {RECIPE, DATA, LOCK}
                self.release(keep=bool(begun))

    def release(self, keep: bool) -> None:
        """Let others have the folder; unless it is to be kept, without what this start made, since nothing was begun."""
        made = [] if keep else self.made
        for file in (self.folder / name for name in (RECIPE, DATA, LOCK)):
            if file in made:
                with contextlib.suppress(OSError):
                    file.unlink(missing_ok=True)
        self.lock.release()
        if self.folder in made:
            with contextlib.suppress(OSError):
                self.folder.rmdir()

    def claim(self) -> None:
        """Make the folder this run's own, or refuse it.

        Raises:
            DiptychError: when it cannot be written, is in use, holds something else, or holds another recipe.
        """
        places = (self.folder, *(self.folder / name for name in (RECIPE, DATA, LOCK)))
        with contextlib.suppress(OSError):
            self.made = [place for place in places if not place.exists()]
        take(
            self.lock,
            f"{self.folder} is being trained by another process; wait for it, or stop it",
            f"the run folder {self.folder} cannot be written",
            "name another with --out",
        )
        try:
            remove_partial_files(self.folder)
            self.compare_recipe()
        except BaseException:
            self.release(keep=False)
            raise

    def compare_recipe(self) -> None:
        if (begun := self.begun()) is None:
            self.remember(self.recipe, self.splits.inventory())
            return
        began, held = begun
        self.stored = with_data_at(began, self.recipe.data)
        self.remember(self.stored, held)

    def begun(self) -> tuple[Recipe, Inventory] | None:
        """The recipe that the folder's run began with, and what its data hold now; None before a run has learned. Only reads.

        Raises:
            DiptychError: when the folder holds something else, or the recipe or the data are others.
        """
        if self.folder.exists() and not (self.folder / RECIPE).exists():
            foreign = [path.name for path in self.folder.iterdir() if path.name != LOCK]
            if foreign:
                raise DiptychError(
                    f"{self.folder} is not empty and holds no run (there is {foreign[0]}); name another folder with --out."
                )
        before = self.held_before()
        if isinstance(self.splits, FolderSplits) and not self.recipe.data.folder and before and DATASET in before:
            raise UsageError(
                f"the pictures of {self.folder} came from Python, as a dataset that only your code has; go on there with "
                f"diptych.train(recipe, folder, dataset=...)."
            )
        if not any(self.checkpoint_folder.glob("*")):  # nothing was learned yet, so nothing binds
            return None
        began = read_recipe(self.folder)
        if found := changed(began, self.recipe, bool(self.saved_steps()), known_content=before is not None):
            listing = "; ".join(f"{key} was {old!r} and is now {new!r}" for key, (old, new) in found.items())
            raise UsageError(
                f"{self.folder} was begun with another recipe: {listing}. Give the same values to go on, {self.or_anew()}"
            )
        held = self.splits.inventory()
        known = held if before is None else before
        for sentence in data_remarks(self.folder, began, self.recipe, known, held, self.or_anew()):
            self.remark("data", sentence)
        return began, held

    def or_anew(self) -> str:
        return f"or another --out to begin anew (training.init_from={self.folder} starts from its weights)."

    def remark(self, kind: str, sentence: str) -> None:
        """To be said, and kept among the events."""
        self.messages.append(sentence)
        self.remarks.append((kind, sentence))

    def keep_length(self, sentence: str) -> None:
        """The run ends where this start says from now on; ``sentence`` says what that means, where it ends elsewhere."""
        if self.stored is not None:
            self.stored = with_length_of(self.stored, self.recipe.training)
            write_text(self.folder / RECIPE, self.stored.to_toml())
        if sentence:
            self.remark("length", sentence)

    def take_length(self, recipe: Recipe) -> None:
        """The recipe with its length, which was not known yet when the folder was claimed."""
        self.recipe = recipe
        if self.leads:
            write_text(self.folder / RECIPE, recipe.to_toml())

    def held_before(self) -> Inventory | None:
        """What the data held when the run was last begun; None for runs of earlier versions, which do not tell."""
        try:
            return from_text((self.folder / DATA).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as problem:
            self.messages.append(f"{self.folder / DATA} cannot be read ({problem}); whether data changed is not known.")
            return None

    def remember(self, recipe: Recipe, held: Inventory) -> None:
        for name, text in ((RECIPE, recipe.to_toml()), (DATA, to_text(held))):
            place = self.folder / name
            with contextlib.suppress(OSError, ValueError):
                if place.read_text(encoding="utf-8") == text:
                    continue
            write_text(place, text)

    # Checkpoints

    @property
    def checkpoint_folder(self) -> Path:
        return self.folder / "checkpoints"

    def saved_steps(self) -> list[int]:
        """Steps of which there is a checkpoint, oldest first."""
        return sorted(int(path.stem) for path in self.checkpoint_folder.glob("*.safetensors") if path.stem.isdecimal())

    def what_is_kept(self) -> str:
        """For the end of a sentence on a failure."""
        steps = self.saved_steps()
        if not steps:
            return "no checkpoint was saved yet, and the same command begins anew"
        return f"the checkpoint of step {steps[-1]} is whole, and the same command goes on from it"

    def path_of(self, step: int | str) -> Path:
        name = f"{step:08d}" if isinstance(step, int) else step
        return self.checkpoint_folder / f"{name}.safetensors"

    def save(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, int | str]) -> None:
        """Write the checkpoint of ``step`` and let go of those older than the newest ``training.keep``."""
        checkpoints.save(self.path_of(step), tensors, {"step": step, **facts})
        for old in self.saved_steps()[: -self.recipe.training.keep]:
            self.path_of(old).unlink(missing_ok=True)

    def save_best(self, step: int, tensors: Mapping[str, Tensor], score: str, value: float) -> None:
        """Write the weights, without optimiser state, of the best step so far."""
        checkpoints.save(self.path_of("best"), tensors, {"step": step, "score": score, "value": value})

    def latest(self) -> checkpoints.Checkpoint | None:
        """The newest whole checkpoint; a damaged one is set aside with a message and the one before it taken."""
        for step in reversed(self.saved_steps()):
            path = self.path_of(step)
            try:
                found = checkpoints.load(path)
                faults = found.facts.get("faults")
                if found.facts.get("step") == step and type(faults) is int and faults >= 0:
                    return found
                raise checkpoints.DamagedCheckpoint(  # whatever its checksum
                    f"{path} is damaged: it does not say what it is (its facts are {found.facts}); take another."
                )
            except checkpoints.DamagedCheckpoint as damage:
                self.messages.append(f"{damage} Falling back to the checkpoint before it.")
                if self.leads:
                    with contextlib.suppress(OSError):
                        path.rename(path.with_suffix(".damaged"))
        return None

    # Logs: one JSON object a line

    def append(self, name: str, entry: Mapping[str, Any]) -> None:
        """Add a line to ``log.jsonl``, ``scores.jsonl``, ``events.jsonl`` or ``faults.jsonl``."""
        try:
            with open(self.folder / name, "a", encoding="utf-8") as file:
                file.write(as_json(entry) + "\n")
        except OSError as problem:
            raise write_error(self.folder / name, problem, "copy the run to another disk and go on there") from None

    def entries(self, name: str) -> list[dict[str, Any]]:
        """The whole lines of a log; one that is damaged is passed over."""
        return read_lines(self.folder / name)

    def standing(self, score: str) -> tuple[int, int]:
        """The step of the best ``score``, and the number of validations since; (-1, 0) where nothing is scored."""
        history = [entry for entry in self.entries("scores.jsonl") if number(entry.get(score)) is not None]
        if not history:
            return -1, 0
        sign = 1 if direction(score) == "higher" else -1
        best = max(history, key=lambda entry: sign * float(entry[score]))["step"]
        return best, sum(entry["step"] > best for entry in history)

    def forget_after(self, step: int) -> None:
        """Drop what the logs say of steps after ``step``, which are about to be made again; a fault has happened all the same."""
        for name in ("log.jsonl", "scores.jsonl", "events.jsonl"):
            if (self.folder / name).exists():
                kept = [entry for entry in self.entries(name) if entry["step"] <= step or entry.get("kind") == "fault"]
                write_text(self.folder / name, "".join(as_json(entry) + "\n" for entry in kept))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a log that may not exist; what is no entry with its step, such as half a line, is passed over."""
    return [entry for entry in lines(path) if type(entry.get("step")) is int]


def read_recipe(folder: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of a run, with ``key.sub=value`` overrides laid over it.

    Raises:
        DiptychError: when the folder holds none that this version can read.
        UsageError: for an override that is wrong.
    """
    try:
        table = tomllib.loads(read_text(folder / RECIPE))
        require_code(table, folder)
        recipe = Recipe.from_table(table, name_of(folder))
    except FileNotFoundError:
        raise DiptychError(f"{folder} is no run: it has no {RECIPE}.") from None
    except UsageError as problem:
        raise DiptychError(f"{folder / RECIPE} is damaged, or of another version: {problem}") from None
    except (OSError, ValueError, RecursionError) as problem:
        raise DiptychError(f"{folder / RECIPE} cannot be read: {problem}.") from None
    for override in overrides:
        lay_over(table, override)
    return Recipe.from_table(table, recipe.name) if overrides else recipe


def name_of(folder: Path) -> str:
    """The name of the recipe that a run began with, which its card knows; empty where it does not."""
    with contextlib.suppress(DiptychError):
        for card in read_cards(folder / "card.json").values():
            return str(card.provenance.get("recipe", ""))
    return ""
