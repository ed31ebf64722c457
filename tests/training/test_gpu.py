"""What a GPU adds: the same training there. These run where there is one (`pytest -m gpu`)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych.systems import SYSTEMS

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
