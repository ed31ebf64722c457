"""Labels kept: the segmenter of the loss, and the score by another one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from commanding import Typed
from judged import labelled
from PIL import Image
from torch import Tensor, nn
from toys import run_to_end, tiny_recipe

from diptych import checkpoints
from diptych.data import DataSettings
from diptych.errors import UsageError
from diptych.evaluation.evaluate import THROUGH, evaluate, marked
from diptych.evaluation.fcn_labels import Labels
from diptych.evaluation.metrics import Example
from diptych.evaluation.requirements import Resources
from diptych.evaluation.segmentation import Segmenter
from diptych.judging import runs
from diptych.judging.judge import kept
from diptych.networks.features.plain_fcn import PlainFCN
from diptych.training.setup.segmenter import write_segmenter


class Bright(nn.Module):
    """Class 1 where the picture is bright."""

    def classes(self, images: Tensor) -> Tensor:
        return (images.mean(1) > 0).long()


BRIGHT = Segmenter(Bright())  # type: ignore[arg-type]  # all that a segmenter asks of its network


def test_the_score_by_hand() -> None:
    truth = np.zeros((4, 4), np.uint16)
    truth[:2] = 1
    truth[0, 0] = 65535  # not scored
    source, output = torch.full((1, 3, 4, 4), -1.0), torch.full((1, 3, 4, 4), -1.0)
    source[:, :, :2] = 1.0
    output[:, :, :, :2] = 1.0  # of 7 bright pixels 3 stay, of 8 dark ones 4
    example = Example("x", output, output, source_rgb=source, labels=truth)
    verdict = evaluate([example, example], ["labels-kept"], Resources(source_segmenter=BRIGHT, classes=2))
    accuracy, agreement = verdict.scores
    assert (accuracy.metric, agreement.metric) == ("labels-kept accuracy", "labels-kept agreement")
    assert accuracy.value == pytest.approx(7 / 15)
    assert agreement.value == pytest.approx(7 / 15)
    assert accuracy.note == "before translating: 1.000 (1.000 to 1.000)"
    assert verdict.pictures["labels-kept accuracy"] == [pytest.approx(7 / 15)] * 2
    assert marked(accuracy, ["efficientnet-lite0"]).note.endswith(THROUGH)


def piles(folder: Path) -> Path:
    """Photos as sources, with class maps of their names, and their negatives as targets."""
    data = labelled(folder)
    for split in ("train", "val"):
        for side in "AB":
            (folder / f"{split}{side}").mkdir()
        for place in (data / split).iterdir():
            photo = np.asarray(Image.open(place))[:, 32:]
            Image.fromarray(photo).save(folder / f"{split}A" / place.name)
            Image.fromarray(255 - photo).save(folder / f"{split}B" / place.name)
            place.unlink()
        (data / split).rmdir()
    return folder


def test_from_class_maps_to_a_score(tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    data, file = piles(tmp_path / "data"), tmp_path / "segmenter.safetensors"
    maps = data / "{split}_label"
    size = ["data.load_size=32", "data.crop_size=32"]
    words = ["data", "segmenter", "cut", f"data.folder={data}", *size, "--labels", maps, "--out", file]
    code, out, err = typed(*words, "--steps", "6")
    assert code == 0, err
    assert "Training a segmenter on 12 sources (plain-fcn, 2 classes, 6 steps, seed 1)" in out
    checkpoint = checkpoints.load(file)
    network = PlainFCN(3, 2)
    network.load_state_dict(checkpoint.tensors)
    photo = np.asarray(Image.open(data / "valA" / "0.png"))
    seen = torch.from_numpy(photo.transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    truth = np.asarray(Image.open(data / "val_label" / "0.png"))
    assert (network(seen).argmax(1)[0].numpy() == truth).mean() > 0.9

    more = ["data.task=unpaired", *size, "options.labels=1", f"options.segmenter={file}"]
    run_to_end(tiny_recipe("cut", data, *more), tmp_path / "run")
    monkeypatch.setattr(runs, "segmenter_for", lambda *_, of_sources=False: BRIGHT)
    code, out, err = typed("evaluate", "run", "--metrics", "labels-kept", "--labels", maps)
    assert code == 0, err
    scores = {one.metric: one for one in kept(next((tmp_path / "run" / "evaluation").iterdir())).scores}
    assert scores["labels-kept accuracy"].note.startswith("before translating: 1.000")
    assert "before translating" in out
    code, _, err = typed("evaluate", "run", "--metrics", "labels-kept")
    assert code == 2
    assert "labels-kept cannot be computed: it needs a run that translates a to b, and class maps of its sources" in err


def test_refusals_of_the_command(tmp_path: Path, typed: Typed) -> None:
    data = piles(tmp_path / "data")
    words = ["data", "segmenter", "cut", f"data.folder={data}", "data.load_size=32", "data.crop_size=32"]
    assert "name their folder with --labels" in typed(*words, "--out", "s.safetensors")[2]
    assert "ends in .safetensors" in typed(*words, "--out", "s.pth")[2]
    maps = ["--labels", data / "{split}_other", "--out", "s.safetensors"]
    assert "there is no class map" in typed(*words, *maps)[2]
    odd = DataSettings(folder=str(data), task="unpaired", load_size=34, crop_size=30)
    with pytest.raises(UsageError, match="has a side of 30; a segmenter needs multiples of 4"):
        write_segmenter(odd, Labels("maps"), tmp_path / "s.safetensors", print, torch.device("cpu"))
    assert not (tmp_path / "s.safetensors").exists()
