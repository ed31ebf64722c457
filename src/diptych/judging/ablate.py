"""A study repeats a paper's table: runs that share data, seed and length, evaluated alike, beside the paper's numbers.

A study is a TOML file: title, source (paper and table), recipe, the keys that all rows set, steps, metrics, columns (scores
that the paper gives), and for each row a name, the keys that it sets, and the paper's numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from diptych.errors import UsageError
from diptych.evaluation.fcn_labels import Labels
from diptych.evaluation.metrics import chosen
from diptych.judging import compare
from diptych.judging.judge import Result, judge, keep, real_scores, sheet_of
from diptych.judging.runs import evaluation_folder, subject_of
from diptych.judging.subjects import Request, Subject
from diptych.machine.signals import stop_on_signals
from diptych.recipe import Recipe, read
from diptych.recipe_files import parsed
from diptych.tables import closest, from_table
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.loop import train
from diptych.training.monitoring.watch import Watch
from diptych.training.processes import join
from diptych.training.run import Run


@dataclass(frozen=True)
class Row:
    """One run of a study."""

    name: str = ""
    set: tuple[str, ...] = ()  # what makes it this row: key=value for the recipe
    paper: tuple[float, ...] = ()  # the paper's numbers, in the order of the study's columns


@dataclass(frozen=True)
class Study:
    """A table to be repeated."""

    title: str = ""
    source: str = ""  # paper and table
    recipe: str = ""
    set: tuple[str, ...] = ()  # key=value for the recipe, the same for all rows
    steps: int = 0
    metrics: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()  # the scores that the paper gives
    rows: tuple[Row, ...] = ()
    key: str = ""  # filled in: the name of its file

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if not names or not all(names) or len(set(names)) < len(names):
            raise UsageError(f"the study {self.key} needs [[rows]], each with a name of its own.")
        if not self.recipe or self.steps < 1 or not self.metrics:
            raise UsageError(f"the study {self.key} must say its recipe, its steps and its metrics.")
        chosen(",".join(self.metrics))


def shipped() -> dict[str, Path]:
    folder = Path(str(resources.files("diptych") / "judging" / "studies"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_study(name_or_file: str) -> Study:
    """A shipped study by name, or a TOML file.

    Raises:
        UsageError: for a name that is neither, or a file that is no study.
    """
    known = shipped()
    path = known.get(name_or_file, Path(name_or_file))
    if not path.is_file():
        raise UsageError(
            f'there is no study or file "{name_or_file}"{closest(name_or_file, known)}; there are {", ".join(known)}.'
        )
    return from_table(Study, parsed(path) | {"key": path.stem}, str(path))


def recipe_of(study: Study, row: Row, overrides: Sequence[str]) -> Recipe:
    """The recipe of a row: the study's recipe, length and keys, then the user's overrides, then the keys of the row."""
    return read(study.recipe, [f"training.steps={study.steps}", *study.set, *overrides, *row.set])


def trained(recipe: Recipe, place: Path) -> bool:
    """Train to the end, resuming an earlier call; False when interrupted."""
    keep_freed_memory()
    processes = join(recipe.training.device)
    with Run(place, recipe, processes.leads) as run:
        watch = Watch(run, processes)
        stop_on_signals(watch.interrupt)
        train(recipe, run, processes, watch)
    return not watch.paused


def ablate(study: Study, overrides: Sequence[str], folder: Path, request: Request, labels: Labels) -> int:
    """Train every row, evaluate all on the same pictures, print the table; 130 when interrupted."""
    recipes = {row.name: recipe_of(study, row, overrides) for row in study.rows}  # checked before any is trained
    for number, (name, recipe) in enumerate(recipes.items(), 1):
        print(f"[{number}/{len(recipes)}] {study.key}: {name}")
        if not trained(recipe, folder / name):
            print("Saved. The same command goes on from here.")
            return 130
    results, subjects = list[Result](), list[Subject]()
    for name in recipes:
        print(f"Judging {name} ...")
        subject = subject_of(folder / name, request, labels, list(study.metrics))
        subjects.append(subject)
        results.append(
            judge(subject, [metric for metric in study.metrics if metric != "fcn" or subject.resources.labels])
        )
        keep(results[-1], evaluation_folder(folder / name, request, subject), sheet_of(subject, results[-1]))
    compare.comparable(results)
    compare.keep(results, folder, compare.sheet_of(subjects, compare.names_of(results)))
    print(f"\n{study.title}; {study.source}. Here: {recipes[study.rows[0].name].training.steps} steps each.")
    print(compare.aligned(table_of(study, results)))
    print(f"Written: {folder} (compare.json, compare.csv, sheet.png; each run with its own evaluation)")
    return 0


def table_of(study: Study, results: Sequence[Result]) -> list[list[str]]:
    """A row for each run: its scores, with the paper's in brackets; and the scores of real pictures."""
    metrics = [score.metric for score in results[0].scores]
    rows = [["", *metrics]]
    for row, result in zip(study.rows, results, strict=True):
        ours = {score.metric: f"{score.value:.3f}" for score in result.scores}
        theirs = dict(zip(study.columns, row.paper, strict=False))
        rows.append(
            [row.name, *(f"{ours[name]}{f' ({theirs[name]:.2f})' if name in theirs else ''}" for name in metrics)]
        )
    if real := real_scores(results[0]):
        rows.append(["real pictures", *(real.get(name, "") for name in metrics)])
    return rows
