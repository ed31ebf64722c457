"""The report that training rewrites, and its events."""

import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest
from toys import Teller, run_to_end, tiny_recipe

from diptych.errors import DiptychError
from diptych.recipe import Recipe
from diptych.report import LiveReport, write
from diptych.report.pictures import embedded
from diptych.report.reporter import plotting
from diptych.training.loop import train
from diptych.training.processes import environment, join
from diptych.training.run import Run
from diptych.training.trainer import Entry, Fault

Step = Callable[[Teller, int], None]


def trained(recipe: Recipe, folder: Path, monkeypatch: pytest.MonkeyPatch, each: Step) -> Run:
    """Train with ``each`` called before the watch sees a step."""
    processes = join("cpu")
    with Run(folder, recipe) as run:
        watch = Teller(run, processes)
        after = watch.after

        def seen(step: int, faults: int, entry: Entry) -> None:
            each(watch, step)
            after(step, faults, entry)

        monkeypatch.setattr(watch, "after", seen)
        train(recipe, run, processes, watch)
    return run


def kinds(run: Run) -> list[tuple[str, int]]:
    """Kinds of all events except the last validation's, where so small a run always has health warnings."""
    found = [(event["kind"], event["step"]) for event in run.entries("events.jsonl")]
    return [event for event in found if event != ("health", 6)]


def page_of(run: Run) -> str:
    return (run.folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def recipe(toy_pairs: Path) -> Recipe:
    return tiny_recipe("pix2pix", toy_pairs, "training.report=true", "training.validate_every=100")


def test_events_are_forgotten_with_the_steps(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def each(watch: Teller, step: int) -> None:
        if step == 4:
            watch.record.health(4, "Health: something.")
            watch.interrupt()

    run = trained(recipe, tmp_path / "run", monkeypatch, each)
    assert kinds(run) == [("start", 0), ("health", 4), ("pause", 4)]
    assert "Training was interrupted" in page_of(run)
    assert "Health: something." in page_of(run)
    run.path_of(4).unlink()  # back to step 3
    run_to_end(recipe, run.folder)
    assert "Health: something." not in page_of(run)
    assert kinds(run) == [("start", 0), ("start", 3), ("end", 6)]
    run_to_end(recipe, run.folder)  # nothing is left to be done, and nothing to be told
    assert kinds(run) == [("start", 0), ("start", 3), ("end", 6)]


def test_faults_outlive_the_steps_that_they_undo(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[int] = []

    def each(watch: Teller, step: int) -> None:
        if step == 5 and not met:
            met.append(step)
            raise Fault("the term is nan")

    run = trained(recipe, tmp_path / "run", monkeypatch, each)
    assert kinds(run) == [("start", 0), ("fault", 5), ("end", 6)]
    assert [entry["what"] for entry in run.entries("faults.jsonl")] == ["the term is nan"]
    assert page_of(run).count("the term is nan. The step is dropped") == 1  # not told twice, from both files
    assert '[5, "fault"]' in page_of(run)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (Fault("the term is nan"), "training stopped at step 5: the term is nan"),
        (RuntimeError("CUDA out of memory\nand so on"), "CUDA out of memory"),
    ],
)
def test_a_failure_is_the_end(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception, words: str
) -> None:
    def each(watch: Teller, step: int) -> None:
        if step == 5:
            raise problem

    with pytest.raises((DiptychError, RuntimeError), match=words):
        trained(recipe, tmp_path / "run", monkeypatch, each)
    run = Run(tmp_path / "run", recipe)
    assert kinds(run)[-1][0] == "end"
    assert f"Failed: {words}" in page_of(run)
    assert "and so on" not in page_of(run)
    assert 'data-refresh="0"' in page_of(run)


def test_the_page_of_a_training_loads_itself_anew(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []

    def each(watch: Teller, step: int) -> None:
        if step in (1, 5):
            pages.append(page_of(watch.run))

    trained(recipe, tmp_path / "run", monkeypatch, each)
    assert ['data-refresh="30"' in page for page in pages] == [True, True]
    assert ["Step 0 of 6." in page for page in pages] == [True, False]


def test_a_run_that_was_killed_is_not_live(run: Path) -> None:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    (run / "events.jsonl").write_text(json.dumps(events[0] | {"steps": 99}) + "\n")
    page = write(run).read_text(encoding="utf-8")
    assert 'data-refresh="0"' in page
    assert "stopped without recording an end" in page
    with filelock.FileLock(run / ".lock"):
        assert 'data-refresh="30"' in write(run).read_text(encoding="utf-8")


def test_the_start_tells_the_environment(run: Path) -> None:
    start = json.loads((run / "events.jsonl").read_text().splitlines()[0])
    told = start["environment"]
    assert told == environment(join("cpu"))
    assert set(told) == {"diptych", "torch", "python", "system", "device", "processes", "threads", "cores"}
    assert all("/" not in value and value for key, value in told.items() if key != "device")


def test_switched_off(toy_pairs: Path, tmp_path: Path) -> None:
    run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    assert not (tmp_path / "run" / "report.html").exists()


# What prevents it


def test_without_plotly_it_says_so_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plotting.cache_clear()
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    said: list[str] = []
    standing = LiveReport(run, said.append)
    assert standing.write() is standing.write() is None
    assert said == ["report.html is not kept up: a report needs plotly: pip install 'diptych[report]'."]


@pytest.mark.parametrize("problem", [DiptychError("no leave"), ValueError("no leave"), MemoryError("no leave")])
def test_what_else_prevents_it_is_told_once_and_tried_again(
    run: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def fail(*_: object) -> None:
        raise problem

    said: list[str] = []
    standing = LiveReport(run, said.append)
    with monkeypatch.context() as patch:
        patch.setattr("diptych.report.reporter.write_text", fail)
        assert standing.write() is standing.write() is None
    assert said == ["report.html is not kept up: no leave"]
    assert standing.write() == run / "report.html"


def test_a_full_disk_ends_the_training(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(DiptychError, match="No space left"):
        LiveReport(run, print).write()


def test_pictures_are_encoded_once_and_again_when_they_change(run: Path) -> None:
    embedded.cache_clear()
    standing = LiveReport(run, print)
    standing.write()
    standing.write()
    assert embedded.cache_info()[:2] == (3, 3)
    newest = run / "pictures" / "00000006.png"
    newest.write_bytes(newest.read_bytes() + b"0")
    standing.write()
    assert embedded.cache_info()[:2] == (5, 4)
