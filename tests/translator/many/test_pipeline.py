"""Reading, translating and writing at once: bounded, in order, and with every failure told."""

import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commanding import save
from PIL import Image

from diptych.errors import DiptychError
from diptych.pictures import formats
from diptych.pictures.decoded import Header
from diptych.translator.many import Job, pipeline
from diptych.translator.many.pipeline import Loaded, Outcome, Readers, StageSeconds, run_pipeline
from diptych.translator.many.plan import Task

Pictures = list[tuple[Path, Path]]


def tasks_of(pictures: Pictures, out: Path) -> list[Task]:
    return [Task(source, out / inside) for source, inside in pictures]


def done(job: Job, tasks: list[Task]) -> list[Outcome]:
    return list(run_pipeline(job, tasks, StageSeconds()))


@pytest.mark.parametrize("batch", [1, 3])
def test_every_picture_becomes_what_it_becomes_alone(batch: int, job: Job, pictures: Pictures, tmp_path: Path) -> None:
    found = done(replace(job, batch=batch), tasks_of(pictures, tmp_path / "out"))
    assert [outcome.task.source for outcome in found] == [source for source, _ in pictures]
    for outcome in found:
        assert not outcome.problem
        alone = job.translate([job.read(outcome.task.source).picture])[0]
        with Image.open(outcome.task.place) as picture:
            off = np.abs(np.asarray(picture).astype(int) - alone)
        assert off.max() <= (0 if batch == 1 else 1)


def test_no_more_waits_than_may(job: Job, pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for one picture, one at a time is decoded."""
    monkeypatch.setattr(pipeline, "MAX_HELD", 1)
    held: list[int] = []
    read = Readers.read

    def reading(self: Readers, task: Task, header: Future[Header]) -> Loaded:
        held.append(self.held)
        return read(self, task, header)

    monkeypatch.setattr(Readers, "read", reading)
    for batch in (1, 4):
        found = done(replace(job, batch=batch), tasks_of(pictures, tmp_path / f"out{batch}"))
        assert [outcome.problem for outcome in found] == [""] * 10
    assert sorted(held) == sorted(2 * [job.read(source).picture.nbytes for source, _ in pictures])


def test_a_failure_in_a_batch_leaves_the_others_done(
    job: Job, pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches that run out of memory are tried picture by picture."""
    translate = Job.translate

    def narrow(self: Job, batch: list[Any]) -> list[Any]:
        if len(batch) > 1 or batch[0].shape[0] == 20:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 TB")
        return translate(self, batch)

    monkeypatch.setattr(Job, "translate", narrow)
    same = sorted(pictures, key=lambda pair: int(pair[0].stem) % 2)
    found = done(replace(job, batch=5), tasks_of(same, tmp_path / "out"))
    assert len(found) == 10
    failed = [outcome.problem for outcome in found if outcome.problem]
    assert len(failed) == 5
    assert all("out of memory; give a smaller --size, --batch or --tile." in problem for problem in failed)


def test_faults_of_ours_are_not_hidden(
    job: Job, pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Job, batch: list[Any]) -> list[Any]:
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(Job, "translate", broken)
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="shape mismatch"):
        done(job, tasks_of(pictures, tmp_path / "out"))
    assert threading.active_count() == before  # no thread is left waiting


def test_what_was_translated_is_written_when_the_caller_stops(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    before = threading.active_count()
    coming = run_pipeline(job, tasks_of(pictures, tmp_path / "out"), StageSeconds())
    next(coming)
    coming.close()
    written = list((tmp_path / "out").iterdir())
    assert 1 <= len(written) < 10
    assert not [path for path in written if path.name.startswith(".")]
    assert threading.active_count() == before


def test_a_foreign_file_that_comes_in_between_is_kept(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    tasks = tasks_of(pictures, tmp_path / "out")
    tasks[3].place.parent.mkdir()
    tasks[3].place.write_bytes(b"precious")
    assert [outcome.task for outcome in done(job, tasks) if outcome.problem] == [tasks[3]]
    assert tasks[3].place.read_bytes() == b"precious"
    assert not [outcome for outcome in done(job, [Task(*task[:2], replace=True) for task in tasks]) if outcome.problem]


def test_masks_are_listed_once(translator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand pictures would otherwise list ten thousand masks each."""
    for number in range(5):
        save(tmp_path / "masks" / f"{number}.png")
    count = 0
    listed = formats.list_pictures

    def counting(folder: Path) -> list[Path]:
        nonlocal count
        count += 1
        return listed(folder)

    monkeypatch.setattr(formats, "list_pictures", counting)
    job = Job(translator, masks=tmp_path / "masks")
    for number in range(5):
        found = job.companion_picture("mask", f"in/{number}.jpg")
        assert found is not None
        assert found[1] == str(tmp_path / "masks" / f"{number}.png")
    assert count == 1
    with pytest.raises(DiptychError, match="there is no mask called 7"):
        job.companion_picture("mask", "in/7.jpg")
