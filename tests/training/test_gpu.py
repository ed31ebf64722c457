"""What a GPU adds: the same training there. These run where there is one (`pytest -m gpu`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych.data import open_dataset, stream
from diptych.evaluation import requirements
from diptych.evaluation.evaluate import evaluate
from diptych.evaluation.metrics import Example
from diptych.evaluation.requirements import Resources
from diptych.systems import SYSTEMS
from diptych.training.step import Scalars
from diptych.training.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here"),
]


@pytest.fixture(autouse=True)
def nothing_stays_deterministic() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("system", [*SYSTEMS])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "tf32"])
def test_a_deterministic_run_is_resumed_bitwise(system: str, precision: str, toy_pairs: Path, tmp_path: Path) -> None:
    words = (f"training.precision={precision}", "training.device=cuda", "training.deterministic=true")
    recipe = tiny_recipe(system, toy_pairs, *words)
    straight, _ = run_to_end(recipe, tmp_path / "straight")
    broken, _ = run_to_end(recipe, tmp_path / "broken")
    broken.path_of(6).unlink()
    resumed, _ = run_to_end(recipe, tmp_path / "broken")
    assert_equal(weights(straight), weights(resumed))


@pytest.mark.parametrize("system", [*SYSTEMS])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "tf32"])
def test_a_step_as_one_graph_is_the_plain_step(system: str, precision: str, toy_pairs: Path, tmp_path: Path) -> None:
    found = {}
    for graph in ("true", "false"):
        words = (f"training.precision={precision}", "training.device=cuda", "training.deterministic=true")
        run, _ = run_to_end(tiny_recipe(system, toy_pairs, *words, f"training.graph={graph}"), tmp_path / graph)
        found[graph] = weights(run)
    assert_equal(found["true"], found["false"])


def test_where_recording_fails_the_weights_are_those_of_plain_steps(toy_pairs: Path, tmp_path: Path) -> None:
    """What a graph cannot hold is met while it is recorded; random draws go on as they would have."""
    plainly = Trainer.update

    def asking(self: Trainer, *given: Any) -> Scalars:
        found = plainly(self, *given)
        next(iter(found.values.values())).item()
        return found

    found = {}
    for graph in ("true", "false"):
        words = ("training.device=cuda", "training.deterministic=true", f"training.graph={graph}", "training.steps=8")
        with pytest.MonkeyPatch.context() as patch:
            if graph == "true":
                patch.setattr(Trainer, "update", asking)
            run, said = run_to_end(tiny_recipe("pix2pix", toy_pairs, *words), tmp_path / graph)
        assert sum("could not be recorded as a CUDA graph" in line for line in said) == (graph == "true")
        found[graph] = weights(run)
    assert_equal(found["true"], found["false"])


def test_pictures_wait_in_memory_that_a_gpu_can_read(toy_pairs: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs)
    batches = stream(open_dataset(recipe.data, "train", train=True), 2, 0, device=torch.device("cuda"))
    plain = stream(open_dataset(recipe.data, "train", train=True), 2, 0)
    for _ in range(3):
        for one, other in zip(next(batches), next(plain), strict=True):
            assert one.is_pinned()
            assert torch.equal(one, other)
    batches.close()
    plain.close()


def test_metrics_are_those_of_a_processor() -> None:
    generator = torch.Generator().manual_seed(0)
    rough = torch.rand(6, 2, 3, 22, 22, generator=generator) * 2 - 1
    pairs = [torch.nn.functional.interpolate(pair, 176, mode="bilinear").split(1) for pair in rough]
    examples = [Example(str(number), one, one, other, other) for number, (one, other) in enumerate(pairs)]
    metrics = ["l1", "psnr", "ssim", "ms-ssim", "lab", "sharpness", "checkerboard", "diversity"]
    metrics += ["perceptual", "kernel"] if requirements.weights()(Resources()) is None else []
    values = [
        [score.value for score in evaluate(examples, metrics, Resources(device=torch.device(place))).scores]
        for place in ("cpu", "cuda")
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("system", [*SYSTEMS])
def test_the_first_losses_are_those_of_a_processor(system: str, toy_pairs: Path, tmp_path: Path) -> None:
    found = {}
    for device in ("cpu", "cuda"):
        words = (f"training.device={device}", "training.precision=float32", "training.steps=1", "training.log_every=1")
        more = ("options.dropout=[]",) if system == "pix2pix" else ()
        run, _ = run_to_end(tiny_recipe(system, toy_pairs, *words, *more), tmp_path / device)
        found[device] = run.entries("log.jsonl")[0]
    for key in (key for key in found["cpu"] if key.startswith(("generator.", "discriminator."))):
        assert found["cuda"][key] == pytest.approx(found["cpu"][key], rel=1e-2), key
