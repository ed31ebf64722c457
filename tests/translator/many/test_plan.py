"""The record beside results: what is done, what is to be done, and what is somebody else's."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.errors import DiptychError
from diptych.files import remove_partial_files
from diptych.machine.runtimes import CARD
from diptych.translator.card import write_card
from diptych.translator.many import Job
from diptych.translator.many.plan import Plan, finish_plan, make_plan
from diptych.translator.many.record import RECORD_NAME, Record
from diptych.translator.translator import Translator

Pictures = list[tuple[Path, Path]]


def write(plan: Plan, count: int, words: bytes = b"a result") -> None:
    """As the job would write its first tasks."""
    for task in plan.tasks[:count]:
        task.place.parent.mkdir(parents=True, exist_ok=True)
        task.place.write_bytes(words)


def test_the_same_job_goes_on(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = make_plan(job, pictures, out)
    assert (len(first.tasks), first.already_done, first.failures) == (10, 0, [])
    write(first, 4)
    again = make_plan(job, pictures, out)
    assert again.already_done == 4
    assert [task.source for task in again.tasks] == [source for source, _ in pictures[4:]]
    write(again, 6)
    finish_plan(job, again)
    assert make_plan(job, pictures, out).already_done == 10


def test_what_stood_there_before_is_never_taken_for_a_result(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "3.png").write_bytes(b"precious")
    for _ in range(3):
        plan = make_plan(job, pictures, out)
        assert plan.failures == [f"{out / '3.png'} exists; give --overwrite to replace it, or another --out."]
        write(plan, 9)
    assert plan.already_done == 9


def test_another_job_s_results_are_refused(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    write(make_plan(job, pictures, tmp_path / "out"), 10)
    for other in (replace(job, seed=1), replace(job, size=(8, 8)), replace(job, grid=True)):
        plan = make_plan(other, pictures, tmp_path / "out")
        assert (plan.tasks, plan.already_done, len(plan.failures)) == ([], 0, 10)
    assert (
        make_plan(replace(job, batch=4), pictures, tmp_path / "out").already_done == 10
    )  # another way to the same files


def test_a_source_that_has_changed_is_translated_again(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    write(make_plan(job, pictures, tmp_path / "out"), 10)
    source = pictures[2][0]
    os.utime(source, ns=(1, 1))
    for _ in range(2):  # also when it is interrupted before it comes to that
        plan = make_plan(job, pictures, tmp_path / "out")
        assert plan.already_done == 9
        assert [(task.source, task.replace) for task in plan.tasks] == [(source, True)]
    write(plan, 1, b"another result")
    assert make_plan(job, pictures, tmp_path / "out").already_done == 10


def test_replacing_goes_on_too_and_begins_anew_once_it_has_ended(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    out, job = tmp_path / "out", replace(job, overwrite=True)
    out.mkdir()
    for _, inside in pictures:
        (out / inside).write_bytes(b"old")
    first = make_plan(job, pictures, out)
    assert len(first.tasks) == 10
    write(first, 4)
    again = make_plan(job, pictures, out)
    assert (again.already_done, len(again.tasks)) == (4, 6)
    write(again, 6)
    finish_plan(job, again)
    assert len(make_plan(job, pictures, out).tasks) == 10


def test_jobs_share_a_folder(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for part in (pictures[:5], pictures[5:]):
        write(make_plan(job, part, out), 5)
    assert make_plan(job, pictures, out).already_done == 10


def test_a_damaged_record_is_told(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for words in ("{", "[]", '{"claims": {"a": 5}, "unfinished": []}', '{"unfinished": []}'):
        (out / RECORD_NAME).write_text(words)
        with pytest.raises(DiptychError, match=r"is damaged .*; remove it, and give --overwrite"):
            make_plan(job, pictures, out)


def test_one_file_as_result_leaves_no_record(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    plan = make_plan(job, pictures[:1], tmp_path / "result.png")
    assert plan.record is None
    assert list(tmp_path.glob(".*")) == []


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    kept = [f".b.{os.getpid()}.part.png", ".c.part.png", "d.png", RECORD_NAME]
    for name in (f".a.{dead.pid}.part.png", f"deep/.a.{dead.pid}.part.tif", *kept):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"half")
    remove_partial_files(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_ten_thousand_claims_are_a_small_file(tmp_path: Path, job: Job) -> None:
    record = Record(tmp_path)
    make_plan(job, [(tmp_path / f"in/{number}.png", Path(f"{number}.png")) for number in range(10_000)], tmp_path)
    assert len(Record.read(tmp_path).claims) == 10_000
    assert record.claims == {}
    assert (tmp_path / RECORD_NAME).stat().st_size < 2_000_000


def test_replacing_foreign_files_goes_on_with_overwrite_alone(job: Job, pictures: Pictures, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for _, inside in pictures:
        (out / inside).write_bytes(b"old")
    write(make_plan(replace(job, overwrite=True), pictures, out), 4)
    plan = make_plan(job, pictures, out)
    assert (plan.already_done, plan.tasks, len(plan.failures)) == (4, [], 6)
    assert len(make_plan(replace(job, overwrite=True), pictures, out).tasks) == 6


def test_a_record_without_word_of_whose_it_was_counts_as_somebody_else_s(
    job: Job, pictures: Pictures, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "0.png").write_bytes(b"old")
    make_plan(replace(job, overwrite=True), pictures[:2], out)
    told = json.loads((out / RECORD_NAME).read_text())
    told["claims"] = {name: claim[:3] for name, claim in told["claims"].items()}
    (out / RECORD_NAME).write_text(json.dumps(told))
    plan = make_plan(job, pictures[:2], out)
    assert ([task.place.name for task in plan.tasks], len(plan.failures)) == (["1.png"], 1)


def test_where_processes_cannot_be_asked_parts_go_by_their_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(process: int, signal: int) -> None:
        raise AssertionError("on Windows this would end it")

    old, new = tmp_path / ".a.1.part.png", tmp_path / ".b.1.part.png"
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (1, 1))
    monkeypatch.setattr(os, "kill", ended)
    monkeypatch.setattr("diptych.files.WINDOWS", True)
    remove_partial_files(tmp_path)
    assert list(tmp_path.iterdir()) == [new]


def exported(place: Path, translator: Translator, factor: float) -> Path:
    """The smallest ONNX file with a card: it multiplies."""
    onnx = pytest.importorskip("onnx")
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("a", "b")]
    weight = onnx.helper.make_tensor("factor", onnx.TensorProto.FLOAT, [1], [factor])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Mul", ["a", "factor"], ["b"])], "g", ends[:1], ends[1:], [weight]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    onnx.helper.set_model_props(model, {CARD: write_card(translator.card)})
    onnx.save(model, place)
    return place


def test_exports_of_other_weights_are_other_jobs(translator: Translator, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    prints = {
        (file, engine): Job(Translator.load_onnx(file, engine)).fingerprint
        for file in (exported(tmp_path / f"{factor}.onnx", translator, factor) for factor in (0.5, 1))
        for engine in ("onnx", "openvino", "openvino-bfloat16")
    }
    for file in {file for file, _ in prints}:
        assert prints[file, "onnx"] == prints[file, "openvino"] != prints[file, "openvino-bfloat16"]
    assert len(set(prints.values())) == 4
