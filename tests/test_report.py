"""The report of a run: what it holds, how large it gets, and that a browser shows it."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor
from toys import Teller, run_to_end, tiny_recipe

from diptych import cli
from diptych.report import Standing, write
from diptych.report.facts import GRID_BYTES, GRIDS, POINTS, curves, embedded, gather, spread
from diptych.training.loop import train
from diptych.training.processes import join
from diptych.training.run import Run

HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture
def run(toy_pairs: Path, tmp_path: Path) -> Path:
    recipe = tiny_recipe("pix2pix", toy_pairs, "training.picture_every=2", "training.report=true")
    run_to_end(recipe, tmp_path / "run")
    return tmp_path / "run"


def data_of(page: str, name: str) -> list[dict[str, object]]:
    """The JSON in a script element of the page."""
    found: list[dict[str, object]] = json.loads(page.split(f'id="{name}">')[1].split("</script>")[0])
    return found


def test_training_keeps_a_report(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    titles = [plot["title"] for plot in data_of(page, "plot-data")]
    assert "generator: losses" in titles
    assert "validation: SSIM" in titles
    assert [grid["step"] for grid in data_of(page, "grid-data")] == [2, 4, 6]
    assert "Step 6 of 6." in page
    assert "Complete: 6 steps." in page
    assert 'data-refresh="0"' in page
    assert "<td>torch</td>" in page  # the environment
    assert "<td>options.l1</td>" in page  # the settings
    body = page.split("<script>")[0]
    assert "http://" not in body
    assert "https://" not in body
    assert 'src="http' not in page


def test_events_are_kept_and_forgotten_with_the_steps(
    toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs, "training.report=true", "training.validate_every=100")
    processes = join("cpu")
    with Run(tmp_path / "run", recipe) as run:
        watch = Teller(run, processes)
        after = watch.after

        def interrupted(step: int, faults: int, entry: Mapping[str, float | Tensor]) -> None:
            if step == 4:
                watch.unwell(4, "Health: something.")
                watch.interrupt()
            after(step, faults, entry)

        monkeypatch.setattr(watch, "after", interrupted)
        train(recipe, run, processes, watch)
    kinds = [(event["kind"], event["step"]) for event in run.entries("events.jsonl")]
    assert kinds == [("start", 0), ("health", 4), ("pause", 4)]
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "Training was interrupted" in page
    run.path_of(4).unlink()  # back to step 3
    run_to_end(recipe, run.folder)
    kinds = [(event["kind"], event["step"]) for event in run.entries("events.jsonl")]
    assert [kind for kind in kinds if kind[0] != "health"] == [("start", 0), ("start", 3), ("end", 6)]


def test_a_live_page_loads_itself_anew(run: Path) -> None:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    kept = [json.dumps(event | {"steps": 99} if event["kind"] == "start" else event) for event in events]
    (run / "events.jsonl").write_text("\n".join(kept[:1]) + "\n")
    assert 'data-refresh="30"' in write(run).read_text(encoding="utf-8")


def test_runs_of_earlier_versions_and_empty_ones(run: Path) -> None:
    (run / "events.jsonl").unlink()
    (run / "report.html").unlink()
    assert "Not recorded by the version" in write(run).read_text(encoding="utf-8")
    for name in ("log.jsonl", "scores.jsonl", "card.json"):
        (run / name).write_text("{\n")
    shutil.rmtree(run / "pictures")
    (run / "pictures").mkdir()
    (run / "pictures" / "00000001.png").write_bytes(b"no picture")
    page = write(run).read_text(encoding="utf-8")
    assert data_of(page, "plot-data") == data_of(page, "grid-data") == []


def test_whatever_the_run_holds_is_escaped(run: Path) -> None:
    recipe = (run / "recipe.toml").read_text()
    (run / "recipe.toml").write_text(recipe.replace('device = "auto"', f'device = "{HOSTILE}"'))
    with open(run / "events.jsonl", "a") as file:
        file.write(json.dumps({"step": 5, "kind": HOSTILE, "words": HOSTILE}) + "\n")
    with open(run / "log.jsonl", "a") as file:
        file.write(json.dumps({"step": 6, HOSTILE: 1.0}) + "\n")
    (run / "evaluation" / "x").mkdir(parents=True)
    score = {"metric": HOSTILE, "value": 1.0, "low": 0.5, "high": 2.0, "better": HOSTILE, "note": HOSTILE}
    verdict = {"protocol": {"data": HOSTILE}, "scores": [score], "notes": [HOSTILE]}
    (run / "evaluation" / "x" / "scores.json").write_text(json.dumps(verdict))
    page = write(run).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_long_run_makes_no_larger_page(run: Path) -> None:
    rng = np.random.default_rng(0)
    with open(run / "log.jsonl", "w") as file:
        for step in range(1, 60_001):
            file.write(f'{{"step": {step}, "generator.l1": {1000 / step}, "rate": 1.0}}\n')
    for step in range(10, 61):
        noise = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
        Image.fromarray(noise).save(run / "pictures" / f"{step:08d}.png")
    log, last = curves(run / "log.jsonl")
    assert last == 60_000
    assert POINTS <= len(log["generator.l1"].steps) <= 2 * POINTS
    assert log["generator.l1"].steps[-1] == 60_000
    assert gather(run).grids[-1].stem == "00000060"
    place = write(run)
    assert len(data_of(place.read_text(encoding="utf-8"), "grid-data")) == GRIDS
    assert place.stat().st_size < 15e6


def test_curves_are_means_of_stretches() -> None:
    from diptych.report.facts import Curve

    curve = Curve()
    for step in range(1, 4 * POINTS + 1):
        curve.add(step, float(step))
    curve.add(9999, float("nan"))
    assert curve.stretch == 4
    assert curve.steps[0] == 4
    assert curve.values[0] == pytest.approx(2.5)


def test_grids_fit_their_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2000, 1500, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert len(embedded(tmp_path / "noise.png")) < GRID_BYTES * 1.4
    assert spread([Path(str(n)) for n in range(100)])[:: GRIDS - 1] == [Path("0"), Path("99")]


def test_without_plotly_training_goes_on_and_says_so_once(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from diptych.report.write import plotting

    plotting.cache_clear()
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    said: list[str] = []
    standing = Standing(run, said.append)
    assert standing.write() is standing.write() is None
    assert said == [f"{run / 'report.html'} is not kept up: a report needs plotly: pip install 'diptych[report]'."]
    assert cli.call(["report", str(run)]) == 1
    assert "pip install" in capsys.readouterr().err


def test_commands_that_are_wrong(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.call(["report", str(tmp_path)]) == 1
    assert "is no run: it has no recipe.toml" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert cli.call(["report", str(run), "--out", str(tmp_path / "file" / "page.html")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert cli.call(["report", str(run), "--out", str(tmp_path / "page.html")]) == 0
    assert "page.html (" in capsys.readouterr().out


def test_open_shows_the_page(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    assert cli.call(["report", str(run), "--open"]) == 0
    assert shown == [(run / "report.html").resolve().as_uri()]
    assert cli.call(["train", "pix2pix", "training.report=false", "--open"]) == 2


@pytest.fixture
def browser() -> str:
    place = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if place is None:
        pytest.skip("no Chromium here; install one to try the page in a browser")
    return place


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_shows_it(run: Path, browser: str) -> None:
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        page.goto((run / "report.html").resolve().as_uri())
        page.wait_for_selector(".plot .main-svg")
        assert page.text_content("#at") == "step 6"
        newest = page.get_attribute("#grid", "src")
        page.focus("#step")
        page.keyboard.press("ArrowLeft")
        assert page.text_content("#at") == "step 4"
        assert page.get_attribute("#grid", "src") != newest
        assert page.evaluate("document.getElementById('grid').naturalWidth") > 0
        page.reload()
        assert page.text_content("#at") == "step 4"  # kept over the page's own loading anew
        assert page.locator(".plot").count() >= 6
        chromium.close()
    assert said == []
