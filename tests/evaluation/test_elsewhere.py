"""Metrics on another device than the processor, as far as that shows without one: what is computed where, and in what."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from diptych.evaluation import perceptual, requirements
from diptych.evaluation.evaluate import FILLING, USUAL, evaluate
from diptych.evaluation.metrics import Example
from diptych.evaluation.requirements import Resources
from diptych.evaluation.segmentation import Segmenter
from diptych.networks.features import pretrained
from diptych.networks.features.efficientnet import EfficientNetLite0
from diptych.networks.features.fcn import FCN

META = torch.device("meta")
MOVING = (torch.ops.aten.copy_.default, torch.ops.aten._has_compatible_shallow_copy_type.default)
NETWORKS = requirements.weights("efficientnet-lite0")(Resources()) is None


class Apart(TorchDispatchMode):
    """Takes the device without memory for one that computes zeros, and sees that nothing mixes with the processor's."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it so
        self.there = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, given)) if isinstance(leaf, Tensor)]
        away = [tensor for tensor in tensors if tensor.device == META]
        if away and operation in (torch.ops.aten.item.default, torch.ops.aten._local_scalar_dense.default):
            return 0.0
        if away and given.get("device") == torch.device("cpu"):
            (tensor,) = away
            return torch.zeros(tensor.shape, dtype=given.get("dtype") or tensor.dtype)
        if away and operation is torch.ops.aten.index.Tensor and args[1][0].dtype is torch.bool:
            return args[0].flatten()  # how many it picks cannot be known
        self.there += bool(away)
        if away and operation not in MOVING:
            assert all(tensor.device == META or not tensor.dim() for tensor in tensors), f"{operation} over two devices"
        assert all(tensor.dtype != torch.float64 for tensor in away), f"{operation} in float64, which a Mac's GPU lacks"
        return operation(*args, **given)


def examples(count: int, factor: int = 1) -> list[Example]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(count):
        one, other = (torch.rand(1, 3, 176, 176, generator=generator) * 2 - 1 for _ in range(2))
        hole = torch.zeros(1, 1, 176, 176)
        hole[..., 20:90, 30:60] = 1
        source = torch.cat([one, hole], 1) if factor == 1 else one[..., ::factor, ::factor]
        labels = np.zeros((176, 176), dtype=np.uint16)
        found.append(Example(str(number), one, one, other, other, source=source, again=other, labels=labels))
    return found


LEFT_OUT = {"frechet"} if NETWORKS else {"perceptual", "frechet", "kernel", "coverage"}  # frechet: seconds, of numpy
CASES: list[tuple[list[str], int, dict[str, Any]]] = [
    ([name for name in USUAL if name not in {*LEFT_OUT, "kernel", "coverage"}], 1, {}),
    (["kernel", "coverage"] if NETWORKS else ["l1"], 6, {}),
    ([*FILLING], 1, {"holed": True}),
    (["psnr-y", "ssim-y"], 1, {"factor": 4}),
    (["sharpness", "checkerboard", "noise"], 1, {"noise": True}),
    (["diversity"], 2, {}),
    (["fcn"], 1, {"labels": True, "classes": 3}),
]


@pytest.mark.parametrize(("metrics", "count", "more"), CASES, ids=str)
def test_metrics_are_computed_where_they_are_told_to(metrics: list[str], count: int, more: dict[str, Any]) -> None:
    with Apart() as apart:
        segmenter = Segmenter(FCN(3), META) if "fcn" in metrics else None
        resources = Resources(device=META, segmenter=segmenter, **more)
        judged = examples(count, more.get("factor", 1))
        apart.there = 0
        verdict = evaluate(judged, metrics, resources)
    assert {score.metric.partition(" ")[0] for score in verdict.scores} == set(metrics)
    assert apart.there > 0


def test_lpips_takes_its_heads_along(monkeypatch: pytest.MonkeyPatch) -> None:
    heads = [torch.ones(channels) for channels in (64, 192, 384, 256, 256)]
    monkeypatch.setattr(perceptual, "load", lambda name, device: pretrained.spec_of(name).build().to(device))
    monkeypatch.setattr(perceptual, "head_weights", lambda backbone: heads)
    with Apart():
        one, other = (torch.zeros(1, 3, 64, 64, device=META) for _ in range(2))
        found = perceptual.lpips(one, other)
    assert found.device == META


@pytest.mark.skipif(not NETWORKS, reason="the weights are not here")
def test_features_come_back_to_the_processor() -> None:
    pretrained.load.cache_clear()
    with Apart():
        found = pretrained.features("efficientnet-lite0", torch.zeros(1, 3, 60, 60, device=META))
        assert isinstance(pretrained.load("efficientnet-lite0", META), EfficientNetLite0)
    assert found.device.type == "cpu"
    pretrained.load.cache_clear()
