"""The FCN-score, from class maps of every form."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commanding import Typed
from judged import PALETTE, labelled
from PIL import Image
from toys import run_to_end, tiny_recipe

from diptych.errors import DiptychError
from diptych.evaluation.fcn_labels import Labels, read_index
from diptych.evaluation.labels import IGNORED
from diptych.judging.judge import kept


@pytest.mark.slow
def test_fcn_score_of_a_run(tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Labels, "__init__", shorter(Labels.__init__))
    data = labelled(tmp_path / "data")
    run_to_end(tiny_recipe("pix2pix", data, PALETTE), tmp_path / "run")
    code, out, _ = typed("evaluate", "run", "--metrics", "fcn")
    assert code == 0
    assert "ground truth, the segmenter on the real pictures: pixel accuracy" in out
    scores = {score.metric: score for score in kept(tmp_path / "run" / "evaluation" / "val-00000006").scores}
    real = float(scores["fcn pixel accuracy"].note.rpartition(" ")[2])
    assert real > 0.9 > scores["fcn pixel accuracy"].value
    code, again, _ = typed("evaluate", "run", "--metrics", "fcn", "--labels", data / "{split}_label")
    assert code == 0
    assert "Training the segmenter" not in again  # the class maps say the same, so it is the same segmenter
    code, _, err = typed("evaluate", "run", "--metrics", "fcn", "--labels", data / "train_label_of_another")
    assert code == 1
    assert "there is no class map" in err


def shorter(make: Callable[..., None]) -> Callable[..., None]:
    def init(self: object, where: str = "", classes: int = 0, ignore: int = -1, steps: int = 40) -> None:
        make(self, where, classes, ignore, steps)

    return init


@pytest.mark.slow
def test_real_pictures_as_outputs_score_as_the_ground_truth(
    tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And outputs that belong to other labels score as chance does."""
    monkeypatch.setattr(Labels, "__init__", shorter(Labels.__init__))
    data = labelled(tmp_path / "data")
    recipe = tmp_path / "mine.toml"
    recipe.write_text(tiny_recipe("pix2pix", data, PALETTE, "data.load_size=32", "data.crop_size=32").to_toml())
    for name, shift in (("real", 0), ("shuffled", 3)):
        (tmp_path / name).mkdir()
        for number in range(6):
            pair = Image.open(data / "val" / f"{(number + shift) % 6}.png")
            pair.crop((32, 0, 64, 32)).save(tmp_path / name / f"{number}.png")
        code, _, err = typed("evaluate", "--outputs", name, "--recipe", recipe, "--metrics", "fcn,l1")
        assert code == 0, err
    real, shuffled = (
        {score.metric: score for score in kept(tmp_path / f"{name}-evaluation").scores} for name in ("real", "shuffled")
    )
    for metric in ("fcn pixel accuracy", "fcn class accuracy", "fcn class iou"):
        assert f"{real[metric].value:.3f}" == real[metric].note.rpartition(" ")[2]
    assert real["l1"].value == 0
    code, out, _ = typed("evaluate", "--outputs", "real", "--recipe", recipe, "--size", "own")
    assert code == 0
    assert "Without fcn: the FCN-score is taken at the scale of training" in out
    assert (tmp_path / "real-evaluation-own" / "scores.json").is_file()  # beside the one of another size
    assert real["fcn class iou"].value > 0.9 > 0.6 > shuffled["fcn class iou"].value
    (tmp_path / "real" / "3.png").unlink()
    code, _, err = typed("evaluate", "--outputs", "real", "--recipe", recipe)
    assert code == 1
    assert "real has no output for 3 (1 of 6 examples" in err
    Image.new("RGB", (8, 9)).save(tmp_path / "real" / "3.png")
    assert (
        "3.png is 8x9, and the data set's picture is neither as it is nor as it is judged (32x32)"
        in typed("evaluate", "--outputs", "real", "--recipe", recipe, "--metrics", "l1")[2]
    )


def test_index_pictures(tmp_path: Path) -> None:
    """Grey values, or the numbers of a palette picture; never the palette's colours."""
    classes = np.array([[0, 1], [2, 11]], np.uint8)
    Image.fromarray(classes).save(tmp_path / "grey.png")
    palette = Image.fromarray(classes, mode="P")
    palette.putpalette([value for number in range(256) for value in (255 - number, 0, number)])
    palette.save(tmp_path / "palette.png")
    for name in ("grey", "palette"):
        assert (read_index(tmp_path / f"{name}.png") == classes).all()
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "unknown.png")
    assert read_index(tmp_path / "unknown.png").tolist() == [[0, IGNORED]]
    assert read_index(tmp_path / "unknown.png", 256).tolist() == [[0, 255]]
    many = [[0, 255, 256], [299, 999, IGNORED]]
    Image.fromarray(np.array(many, np.uint16)).save(tmp_path / "deep.png")
    assert read_index(tmp_path / "deep.png").tolist() == many
    Image.new("RGB", (2, 2)).save(tmp_path / "rgb.png")
    with pytest.raises(DiptychError, match=r"rgb\.png is an RGB picture"):
        read_index(tmp_path / "rgb.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DiptychError, match=r"broken\.png"):
        read_index(tmp_path / "broken.png")


def test_photo_to_labels_is_scored_by_the_nearest_colour(tmp_path: Path, typed: Typed) -> None:
    data = labelled(tmp_path / "data")
    recipe = tiny_recipe("pix2pix", data, PALETTE, "data.direction=b-to-a", "training.steps=1")
    run_to_end(recipe, tmp_path / "run")
    code, out, _ = typed("evaluate", "run", "--metrics", "fcn", "--labels", "target")
    assert code == 0
    assert "nearest class colour" in out
    assert "Training the segmenter" not in out
