"""A score by the network that a run was trained through says so, and compares it with no other run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from building import build
from commanding import Typed
from PIL import Image
from toys import run_to_end, tiny_recipe

from diptych import checkpoints
from diptych.errors import UsageError
from diptych.evaluation.evaluate import THROUGH, marked
from diptych.evaluation.metrics import Score
from diptych.judging.compare import require_equal_judge
from diptych.judging.judge import Result, kept, real_scores
from diptych.networks.features import pretrained
from diptych.networks.features.pretrained import trained_through

OF_LITE0 = {"perceptual", "frechet"}


@pytest.mark.parametrize(("system", "options"), [
    ("pix2pix", {"perceptual": 1.0}), ("pix2pix", {"projected": "beside"}), ("cyclegan", {"projected": "alone"}),
    ("pix2pixhd", {"perceptual_network": "efficientnet-lite0"}), ("spade", {"perceptual_network": "efficientnet-lite0"}),
    ("srgan", {"content": "lite0-deep"}),
])  # fmt: skip
def test_every_system_that_looks_through_a_network_says_so(system: str, options: dict[str, Any]) -> None:
    assert trained_through(build(system).facts) == ()
    assert trained_through(build(system, **options).facts) == ("efficientnet-lite0",)


def test_the_fcn_s_segmenter_began_as_that_network() -> None:
    score = Score("fcn class iou", 0.5, 0.4, 0.6, "higher", 9, "FCN on efficientnet-lite0", "real pictures: 0.700")
    found = marked(score, ["efficientnet-lite0"])
    assert found.note == f"real pictures: 0.700; {THROUGH}"
    assert real_scores(Result("run", {}, [found], [], {}, [])) == {"fcn class iou": "0.700"}
    assert marked(score, ["vgg19"]) == score
    assert marked(Score("l1", 0.5, 0.4, 0.6, "lower", 9), ["efficientnet-lite0"]).note == ""


def second_judge(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SqueezeNet with weights of its own that pass for the converted ones."""
    torch.manual_seed(0)
    spec = pretrained.FEATURES["squeezenet1.1-caffe"]
    tensors = spec.build().state_dict()
    file = f"converted-{checkpoints.checksum(tensors, '')[:8]}.safetensors"
    checkpoints.save(folder / file, tensors, {})
    monkeypatch.setitem(pretrained.FEATURES, "squeezenet1.1-caffe", replace(spec, files=(file,)))
    monkeypatch.setenv(pretrained.WEIGHTS, str(folder))
    pretrained.load.cache_clear()


def test_runs_that_differ_in_it_are_not_compared_by_it(
    toy_pairs: Path, tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = ("data.load_size=32", "data.crop_size=32", "training.steps=2")
    for name, words in (("plain", ()), ("seen", ("options.perceptual=1",)), ("also", ("options.perceptual=2",))):
        run_to_end(tiny_recipe("pix2pix", toy_pairs, *size, *words), tmp_path / name)
    metrics = ("--metrics", "l1,perceptual,frechet")
    _, out, _ = typed("evaluate", "seen", *metrics, "--out", "kept")
    assert out.count(THROUGH) == 2
    notes = {score.metric: score.note for score in kept(Path("kept")).scores}
    assert {metric for metric, note in notes.items() if note.endswith(THROUGH)} == OF_LITE0
    assert THROUGH not in typed("evaluate", "plain", *metrics)[1]
    code, _, err = typed("compare", "plain", "seen", *metrics)
    assert code == 2
    assert "seen was trained through efficientnet-lite0 and plain was not, so perceptual, frechet cannot compare" in err
    assert "judge both by another network (--network), or by --metrics l1." in err
    assert typed("compare", "plain", "seen", "--metrics", "l1")[0] == 0
    assert typed("compare", "seen", "also", *metrics)[0] == 0
    second_judge(tmp_path, monkeypatch)
    code, out, _ = typed("compare", "plain", "seen", *metrics, "--network", "squeezenet1.1-caffe")
    assert code == 0
    assert "frechet" in out
    typed("evaluate", "seen", *metrics, "--network", "squeezenet1.1-caffe", "--out", "second")
    assert {score.network for score in kept(Path("second")).scores} == {"", "squeezenet1.1-caffe"}
    assert "network is 'efficientnet-lite0' for seen" in typed("compare", "kept", "second")[2]


def test_small_pictures_are_none_for_squeezenet(tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    second_judge(tmp_path, monkeypatch)
    for folder in ("outputs", "targets"):
        Path(folder).mkdir()
        Image.fromarray(np.zeros((31, 40, 3), np.uint8)).save(f"{folder}/a.png")
    words = ("--outputs", "outputs", "--targets", "targets", "--network", "squeezenet1.1-caffe", "--metrics")
    assert "it needs pictures with sides of 32 or more" in typed("evaluate", *words, "perceptual")[2]


def test_refusal_names_the_run_that_was_trained_so() -> None:
    plain = Score("kernel", 0.1, 0.0, 0.2, "lower", 9, "vgg16")
    seen = marked(plain, ["vgg16"])
    for one, other in ((plain, seen), (seen, plain)):
        results = [Result(score.note or "plain", {}, [score], [], {}, []) for score in (one, other)]
        with pytest.raises(UsageError, match=f"^{THROUGH} was trained through vgg16 and plain was not"):
            require_equal_judge(*results)
