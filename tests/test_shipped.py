"""The translator that comes with the package: found by its name, small, honest about its terms, and of some use."""

import math
from pathlib import Path

import numpy as np
import pytest
from commanding import Typed, refused
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from safetensors import safe_open
from skimage.metrics import structural_similarity

from diptych import DiptychError, Translator
from diptych.data.openmoji.drawings import split_of
from diptych.shipped import find, shipped
from diptych.translator.card import read_cards

SOURCES = Path(__file__).parents[1] / "src"
OPENMOJI = shipped()["openmoji"]
PAIRS = sorted((OPENMOJI / "examples").glob("*.png"))
Pixels = NDArray[np.uint8]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the test works."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def halves(pair: Path) -> tuple[Pixels, Pixels]:
    """Outline and drawing."""
    with Image.open(pair) as picture:
        outline, drawing = np.split(np.asarray(picture.convert("RGB")), 2, axis=1)
    return outline, drawing


def distance(one: Pixels, other: Pixels) -> float:
    """L1 of values in [-1, 1]."""
    return float(np.abs(one.astype(float) - other).mean() / 127.5)


def saturation(picture: Pixels) -> NDArray[np.int_]:
    """(H, W): how far the channels lie apart, 0 to 255."""
    span: NDArray[np.int_] = np.ptp(picture.astype(int), axis=2)
    return span


def test_it_is_small_and_the_only_one() -> None:
    weights = OPENMOJI / "weights.safetensors"
    assert weights.stat().st_size < 3_000_000
    kinds = (".safetensors", ".onnx", ".pt", ".pth", ".npz", ".bin")
    assert [path for path in SOURCES.rglob("*") if path.suffix in kinds] == [weights]


def test_its_weights_are_stored_as_float16_and_computed_in_float32() -> None:
    network = Translator.load("openmoji").for_large_pictures().eager
    assert network is not None
    ours = network.network.state_dict()
    with safe_open(OPENMOJI / "weights.safetensors", "np") as file:
        stored = {name.removeprefix("system.generator."): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert stored.keys() == ours.keys()
    for name, tensor in ours.items():
        if tensor.is_floating_point():
            assert stored[name].dtype == np.float16
            assert tensor.dtype.itemsize == 4
        np.testing.assert_array_equal(tensor.numpy(), stored[name].astype(tensor.numpy().dtype))
    [card] = read_cards(OPENMOJI / "card.json").values()
    assert str(card.provenance["weights"]).startswith("stored as float16, computed in float32, sha256 ")


def test_its_examples_were_held_out() -> None:
    assert len(PAIRS) == 8
    assert {split_of(pair.stem) for pair in PAIRS} == {"test"}


def test_drawings_that_it_has_not_seen_are_coloured() -> None:
    """Within stated bounds of the true drawings, and nearer to them than the outlines are."""
    translate = Translator.load("openmoji")
    found = []
    for outline, drawing in map(halves, PAIRS):
        result = translate(outline)
        alike = structural_similarity(result, drawing, channel_axis=2, data_range=255)
        found.append((distance(result, drawing), alike, distance(outline, drawing)))
    l1, ssim, untouched = np.mean(found, axis=0)
    assert l1 < 0.12
    assert ssim > 0.88
    assert l1 < 0.6 * untouched
    assert max(one[0] for one in found) < 0.3, "none is far off"


def test_what_is_drawn_by_hand_is_filled_and_the_ground_stays_white() -> None:
    """A face, of strokes as wide as a pen of the page draws them."""
    picture = Image.new("RGB", (256, 256), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((40, 40, 216, 216), outline="black", width=7)
    for x in (100, 156):
        pen.ellipse((x - 8, 92, x + 8, 108), fill="black")
    pen.arc((90, 100, 166, 176), 20, 160, fill="black", width=7)
    result = np.asarray(Translator.load("openmoji")(picture))
    rows, columns = np.mgrid[:256, :256]
    away = np.hypot(rows - 128, columns - 128)
    inside = (away < 78) & (np.asarray(picture).min(axis=2) > 250)
    assert np.median(saturation(result)[inside]) > 100, "the face has a colour"
    assert np.median(result[away > 100].min(axis=1)) > 245


def test_files_and_folders_of_its_name_come_first(elsewhere: Path) -> None:
    assert find("openmoji") == find(Path("./openmoji")) == OPENMOJI
    assert find("runs/openmoji") == Path("runs/openmoji")
    (elsewhere / "openmoji").mkdir()
    assert find("openmoji") == Path("openmoji")
    with pytest.raises(DiptychError, match=r"openmoji holds no translator .* hides the one of that name"):
        Translator.load("openmoji")


def test_commands_take_its_name(elsewhere: Path, typed: Typed) -> None:
    Image.fromarray(halves(PAIRS[0])[0]).save("drawing.png")
    said = typed("translate", "openmoji", "drawing.png", "--out", "it.png", "--size", "training")
    assert said.code == 0, said.err
    with Image.open("it.png") as result:
        np.testing.assert_array_equal(np.asarray(result), Translator.load("openmoji")(halves(PAIRS[0])[0]))
    refused(typed("translate", "openmojy", "drawing.png", "--out", "x.png"), 1, 'did you mean "openmoji"?')
    assert typed("evaluate", "openmoji", "--metrics", "l1", "--limit", "2").code == 0
    assert (elsewhere / "openmoji-evaluation" / "all-model" / "scores.json").is_file()
    assert {path.name for path in OPENMOJI.iterdir()} == {
        *("card.json", "examples", "LICENSE.txt", "README.md", "weights.safetensors")  # nothing was written there
    }


def test_terms_and_scores_go_with_it_when_it_is_handed_on(elsewhere: Path, typed: Typed) -> None:
    said = typed("export", "openmoji", "--to", "model", "--precision", "float16", "--out", "copy")
    assert said.code == 0, said.err
    [card], [own] = (list(read_cards(place / "card.json").values()) for place in (elsewhere / "copy", OPENMOJI))
    assert card.licence == own.licence == "CC BY-SA 4.0"
    assert "OpenMoji" in card.attribution
    assert card.provenance["scores"] == own.provenance["scores"]
    assert math.isfinite(own.provenance["scores"]["ssim"])
    assert (elsewhere / "copy" / "weights.safetensors").read_bytes() == (OPENMOJI / "weights.safetensors").read_bytes()
