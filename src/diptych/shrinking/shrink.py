"""The whole of ``diptych shrink``: choose a student, train it by its teacher, and print both side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import DiptychError, UsageError
from diptych.evaluation.fcn_labels import Labels
from diptych.evaluation.metrics import chosen
from diptych.files import as_json, write_text
from diptych.judging import compare
from diptych.judging.judge import Result, judge, keep, sheet_of
from diptych.judging.runs import evaluation_folder, subject_of
from diptych.judging.subjects import Request, Subject
from diptych.shrinking import table
from diptych.shrinking.student import factor_of, student_of
from diptych.training.run import RECIPE
from diptych.training.setup.start import Start
from diptych.training.train import carry_out
from diptych.translator.translator import Translator

KEPT = "shrunk"
"""Folder of the comparison, in the student's run."""


@dataclass(frozen=True)
class ShrinkSettings:
    """The teacher, how much smaller the student is to be, and how both are judged."""

    teacher: Path
    to: str = "10x"
    out: Path | None = None
    minutes: float | None = None
    checkpoint: str = "latest"
    split: str = ""
    metrics: str = ""
    limit: int = 0
    device: str = "auto"

    @property
    def student(self) -> Path:
        """The student's run folder."""
        return self.out or self.teacher.with_name(f"{self.teacher.name}-{factor_of(self.to):g}x")


def shrink(settings: ShrinkSettings, overrides: Sequence[str] = ()) -> int:
    """Train the student, or go on with it, and judge both; 130 when interrupted.

    Raises:
        DiptychError: when the teacher is no run, or gone.
        UsageError: when it has no student, or none so small.
    """
    teacher, student = settings.teacher, settings.student
    if not (teacher / RECIPE).is_file():
        raise DiptychError(f"{teacher} is no run: it has no {RECIPE}; a student is trained on its teacher's own data.")
    if student.resolve() == teacher.resolve():
        raise UsageError(f"--out is {student}, the teacher's own folder; name another for the student.")
    wanted = chosen(settings.metrics)
    recipe = student_of(teacher, factor_of(settings.to), overrides, settings.checkpoint)
    words = "separable convolutions" if recipe.options.separable else "dense convolutions"
    said = f"Student of {teacher}: {recipe.options.width} channels in the first layer, {words}."
    if carry_out(Start(recipe, student, (said,)), settings.minutes, check=False, signals=True).paused:
        return 130
    return report(settings, wanted)


def report(settings: ShrinkSettings, wanted: list[str]) -> int:
    """Print and keep the table of teacher and student."""
    places = (settings.teacher, settings.student)
    requests = [
        Request(
            checkpoint=one, split=settings.split, limit=settings.limit, device=settings.device, again="noise" in wanted
        )
        for one in (settings.checkpoint, "latest")
    ]
    pair = [Translator.load(place, "", request.checkpoint) for place, request in zip(places, requests, strict=True)]
    first, second = pair
    print(f"Timing {places[0].name} and {places[1].name} in turns ...", flush=True)
    figures = table.costs(first, second)
    figures += table.times(places, (first, second), table.one_picture(first))
    results, subjects = list[Result](), list[Subject]()
    for place, request in zip(places, requests, strict=True):
        print(f"Judging {place.name} ...", flush=True)
        subjects.append(subject_of(place, request, Labels("", 0, -1), wanted))
        results.append(judge(subjects[-1], wanted))
    keep(results[1], evaluation_folder(places[1], requests[1], subjects[1]), sheet_of(subjects[1], results[1]))
    compare.comparable(results)
    folder = settings.student / KEPT
    compare.keep(results, folder, compare.sheet_of(subjects, compare.names_of(results)))
    rows = {row.name: {"teacher": row.teacher, "student": row.student} for row in figures}
    write_text(folder / "figures.json", as_json(rows, indent=2) + "\n")
    print(compare.aligned(table.of_figures(figures)))
    print(compare.aligned(table.of_scores(*results)))
    for difference in compare.differences(*results):
        print(f"  {difference.summary()}")
    print(f"Written: {folder} (figures.json, compare.json, compare.csv, sheet.png)")
    return 0
