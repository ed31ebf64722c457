"""The report of a run: its content, its size, and odd run folders."""

import json
import shutil
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
from PIL import Image

from diptych import cli
from diptych.errors import DiptychError
from diptych.report import write
from diptych.report.curves import CURVES, POINTS, Curve, curves
from diptych.report.facts import EVENTS, gather
from diptych.report.pictures import GRID_BYTES, GRIDS, SHEETS, embedded, folded, spread
from diptych.report.texts import Texts, best, duration, scores_in

HOSTILE = "</script><script>alert(1)</script>"


def data_of(page: str, name: str) -> list[dict[str, object]]:
    """The JSON in a script element of the page."""
    found: list[dict[str, object]] = json.loads(page.split(f'id="{name}">')[1].split("</script>")[0])
    return found


def shown(run: Path) -> str:
    return write(run).read_text(encoding="utf-8")


def add(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(text + "\n")


def test_a_finished_run(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    titles = [plot["title"] for plot in data_of(page, "plot-data")]
    assert {"generator: losses", "generator: l1", "gradient norms", "validation: SSIM"} <= set(titles)
    assert [grid["step"] for grid in data_of(page, "grid-data")] == [2, 4, 6]
    assert "Step 6 of 6." in page
    assert "Complete: 6 steps." in page
    assert "A pix2pix translator, trained on pairs of pictures in “pairs”" in page
    assert "cpu, float32." in page  # device and precision
    assert 'data-refresh="0"' in page
    assert "<td>torch</td>" in page  # the environment
    assert "<td>options.l1</td>" in page  # the settings
    assert "It was trained on 16 x 16 pixels" in page  # the card


def test_it_asks_nothing_of_the_network(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    body = page.split("<script>")[0]
    assert "http://" not in body
    assert "https://" not in body
    assert 'src="http' not in page
    assert "default-src 'none'" in page  # and the browser sees to it


def test_runs_of_earlier_versions(run: Path) -> None:
    (run / "events.jsonl").unlink()
    (run / "report.html").unlink()
    add(run / "faults.jsonl", '{"step": 4, "fault": 1, "what": "the term is nan"}')
    page = shown(run)
    assert "Not recorded by the version" in page
    assert "Step 6 of 6." in page  # by the recipe
    assert "Fault 1: the term is nan." in page


def test_whatever_the_run_holds_is_escaped(run: Path) -> None:
    recipe = (run / "recipe.toml").read_text()
    (run / "recipe.toml").write_text(recipe.replace('device = "auto"', f'device = "{HOSTILE}"'))
    add(run / "events.jsonl", json.dumps({"step": 5, "kind": HOSTILE, "words": HOSTILE}))
    add(run / "log.jsonl", json.dumps({"step": 6, HOSTILE: 1.0}))
    score = {"metric": HOSTILE, "value": HOSTILE, "low": 0.5, "high": 2.0, "better": HOSTILE, "note": HOSTILE}
    verdict = {"protocol": {"data": HOSTILE, HOSTILE: 1}, "scores": [score], "notes": [HOSTILE]}
    add(run / "evaluation" / "x" / "scores.json", json.dumps(verdict))
    card = {"way": HOSTILE, "network": HOSTILE, "arguments": {HOSTILE: HOSTILE}, "provenance": {HOSTILE: HOSTILE}}
    (run / "card.json").write_text(json.dumps({"translators": [card]}))
    page = shown(run)
    assert "<script>alert" not in page
    assert page.count("</script>") == (run / "report.html").read_text().count("</script>") == 5
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.jsonl", '{"step": null, "a": 1}'),
        ("log.jsonl", '{"step": Infinity, "a": NaN, "b": 1' + "0" * 400 + "}"),
        ("log.jsonl", "[1]\n{half a"),
        ("log.jsonl", "[" * 100_000),
        (
            "events.jsonl",
            '{"step": "x", "kind": "health", "words": 3}\n{"kind": 4}\n{"kind": "start", "environment": 5}',
        ),
        ("evaluation/y/scores.json", '[{"metric": "a", "value": 1}, 3]'),
        ("evaluation/y/scores.json", '{"fid": 3, "more": {"ssim": 0.5}}'),
        ("evaluation/y/scores.json", "{"),
    ],
)
def test_odd_lines_are_passed_over(run: Path, name: str, text: str) -> None:
    add(run / name, text)
    assert "validation: SSIM" in shown(run)


@pytest.mark.parametrize("card", ['{"translators": [{"provenance": [], "size": 3}, 3]}', "3", "{", ""])
def test_odd_cards_are_passed_over(run: Path, card: str) -> None:
    (run / "card.json").write_text(card)
    (run / "recipe.toml").write_text('system = "x"\ndata = "y"\ntraining = 3\n')
    assert "validation: SSIM" in shown(run)


def test_no_place_of_the_machine_is_told(run: Path, tmp_path: Path) -> None:
    texts = Texts(gather(run))
    folder = gather(run).recipe["data"]["folder"]
    assert texts.text(f"{folder} at 3 steps/s, see https://a.org/b") == f"{folder} at 3 steps/s, see https://a.org/b"
    place, drive = str(tmp_path / "secret"), str(PureWindowsPath("C:/") / "secret")
    assert texts.text(f"weights of {place}/x.pt, {drive}\\y.pt.") == "weights of x.pt, y.pt."
    assert texts.value(str(tmp_path / "two words" / "labels")) == "labels"
    add(run / "evaluation" / "x" / "scores.json", json.dumps({"protocol": {"labels": f"{place}/maps"}, "scores": []}))
    page = shown(run)
    assert place not in page
    assert "labels maps" in page


def test_verdicts_of_any_form() -> None:
    assert scores_in({"scores": [{"metric": "l1"}]}) == scores_in([{"metric": "l1"}]) == [{"metric": "l1"}]
    assert scores_in({"fid": 3, "more": {"ssim": 0.5}}) == [
        {"metric": "fid", "value": 3},
        {"metric": "more.ssim", "value": 0.5},
    ]
    assert scores_in(3) == []


# Size


@pytest.mark.slow
def test_a_long_run_keeps_few_points(run: Path) -> None:
    keys = ("generator.l1", "generator.adversarial", "generator.gradient", "discriminator.accuracy", "rate")
    with open(run / "log.jsonl", "w") as file:
        for step in range(1, 200_001):
            file.write(json.dumps({"step": step, **dict.fromkeys(keys, 1000 / step)}) + "\n")
    log, last = curves(run / "log.jsonl")
    assert last == 200_000
    assert POINTS <= len(log["generator.l1"].steps) <= 2 * POINTS
    assert log["generator.l1"].steps[-1] == 200_000
    assert len(shown(run)) < 6e6


@pytest.mark.slow
def test_the_fullest_page(run: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("log.jsonl", "scores.jsonl"):
        with open(run / name, "w") as file:
            for step in range(4 * POINTS - 2):  # the most points that are no longer single lines
                values = {f"discriminator.figure{key}": rng.normal() * 1e-7 for key in range(CURVES + 5)}
                file.write(json.dumps({"step": 10_000_000 + step, **values}) + "\n")
    noise = [Image.fromarray(rng.integers(0, 256, (512, 384, 3), dtype=np.uint8)) for _ in range(2)]
    for step in range(10, 51):
        noise[step % 2].save(run / "pictures" / f"{step:08d}.png", compress_level=0)
    for number in range(20):
        add(run / "evaluation" / f"{number:02d}" / "scores.json", '{"l1": 1.0}')
        noise[0].save(run / "evaluation" / f"{number:02d}" / "sheet.png", compress_level=0)
    add(run / "events.jsonl", '{"step": 3, "kind": "health", "words": "Oh."}\n' * 5000)
    place = write(run)
    page = place.read_text(encoding="utf-8")
    grids = data_of(page, "grid-data")
    assert len(grids) == GRIDS
    assert [grids[0]["step"], grids[-1]["step"]] == [2, 50]
    assert sum(len(str(grid["src"])) for grid in grids) < 8e6
    assert page.count('alt="sheet of') == SHEETS
    assert page.count("<td>Oh.</td>") == EVENTS
    assert place.stat().st_size < 15e6


def test_points_keep_the_extremes_of_their_stretch() -> None:
    steps = range(1, 4 * POINTS + 1)
    curve = Curve([*steps, 9999], [*(-99.0 if step == 2 else float(step) for step in steps), 7.0])
    assert curve.stretch == 4
    assert curve.steps[0] == 4
    assert (curve.lows[0], curve.highs[0]) == (-99.0, 4.0)
    assert curve.means[1] == pytest.approx(6.5)
    assert (curve.steps[-1], curve.means[-1]) == (9999, 7.0)


def test_the_number_of_curves_is_bounded(tmp_path: Path) -> None:
    add(tmp_path / "log.jsonl", json.dumps({f"k{number}": 1.0 for number in range(1000)}))
    assert len(curves(tmp_path / "log.jsonl")[0]) == CURVES


def test_grids_fit_their_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2000, 1500, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png", compress_level=0)
    assert len(embedded(tmp_path / "noise.png")) < GRID_BYTES * 1.4
    assert spread([Path(str(n)) for n in range(100)])[:: GRIDS - 1] == [Path("0"), Path("99")]


@pytest.mark.parametrize(("rows", "shape"), [(1, (30, 10)), (8, (2 * 30 + 8, 40)), (5, (2 * 30 + 8, 30))])
def test_tall_grids_are_laid_out_in_columns(rows: int, shape: tuple[int, int]) -> None:
    grid = Image.new("RGB", (30, 10 * rows), "red")
    assert folded(grid, (10, 10)).size == shape
    assert folded(grid, (10, 7)) is grid  # not of whole tiles


# Commands


def test_failures_are_explained(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "out").mkdir()
    for words, sentence in {
        (str(tmp_path),): "is no run: it has no recipe.toml",
        (str(tmp_path / "file"),): "is no run: it has no recipe.toml",
        (str(tmp_path / "absent"),): "is no run: it has no recipe.toml",
        (str(run), "--out", str(tmp_path / "file" / "page.html")): "cannot be written",
        (str(run), "--out", str(tmp_path / "out")): "cannot be written",
    }.items():
        assert cli.call(["report", *words]) == 1
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1
    assert cli.call(["report", str(run), "--out", str(tmp_path / "page.html")]) == 0
    assert "page.html (" in capsys.readouterr().out


def test_an_empty_run_is_refused(run: Path) -> None:
    for name in ("log.jsonl", "scores.jsonl"):
        (run / name).write_text("{\n")
    with pytest.raises(DiptychError, match="nothing to show yet"):
        write(run)


def test_damaged_pictures_are_named_and_left_out(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = run / "pictures" / "00000004.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    (run / "report.html").unlink()
    assert cli.call(["report", str(run)]) == 1
    said = capsys.readouterr().err
    assert "00000004.png cannot be read (1 damaged in all)" in said
    page = (run / "report.html").read_text(encoding="utf-8")
    assert [grid["step"] for grid in data_of(page, "grid-data")] == [2, 6]
    assert "left out: 00000004.png" in page


def test_without_plotly(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from diptych.report.reporter import plotting

    plotting.cache_clear()
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    assert cli.call(["report", str(run)]) == 1
    assert "pip install 'diptych[report]'" in capsys.readouterr().err


def test_help_imports_neither_torch_nor_plotly() -> None:
    program = "import sys; from diptych import cli; cli.call(['report', '--help']); print({'torch', 'plotly'} & {*sys.modules})"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "set()"


def test_open_shows_the_page(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)  # which answers None, as where there is no browser
    assert cli.call(["report", str(run), "--open"]) == 0
    assert opened == [(run / "report.html").resolve().as_uri()]
    assert "No browser could be opened" in capsys.readouterr().out
    assert cli.call(["train", "pix2pix", "training.report=false", "--open"]) == 2


def test_a_page_elsewhere_leaves_the_run_alone(run: Path, tmp_path: Path) -> None:
    def times() -> dict[Path, int]:
        """Of all files except the lock, which some versions of filelock touch when they test it."""
        return {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.name != ".lock"}

    before = times()
    shutil.copy(write(run, tmp_path / "page.html"), tmp_path / "copy.html")
    assert times() == before


def test_the_head_names_the_best_score_and_how_long_the_steps_took() -> None:
    steps = [100, 200, 300]
    assert best("l1", Curve(steps, [0.3, 0.1, 0.2])) == (0.1, 200)
    assert best("psnr", Curve(steps, [10, 12, 11])) == (12, 200)
    assert best("change", Curve(steps, [0.5, 1.4, 1.1])) == (1.1, 300)
    assert duration(Curve(steps, [1, 2, 10])) == "3 min"  # 100 s, 50 s and 10 s
    assert duration(Curve([72_000], [10])) == "2 h 0 min"
    assert duration(Curve([10], [2])) == "5 s"
    assert duration(None) == ""
