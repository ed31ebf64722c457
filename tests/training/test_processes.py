"""Several processes of one run, started by torchrun on this machine's processor."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from toys import DATA, TINY, assert_equal, draw_labelled, run_to_end, tiny_recipe, weights

from diptych.checkpoints import under
from diptych.training.run import Run

INSTANCE = ["options.norm=instance", "options.discriminator_norm=instance", "options.dropout=[]"]


DUMP = """
import hashlib, sys
import diptych.training.loop as loop
plain = loop.train
def train(recipe, run, processes, watch):
    plain(recipe, run, processes, watch)
    digest = hashlib.sha256()
    for name, parameter in watch.state.system.named_parameters():
        digest.update(parameter.detach().contiguous().numpy().tobytes())
    run.folder.with_suffix(f".rank{processes.rank}").write_text(digest.hexdigest())
loop.train = train
"""
DIE = """
import os, sys
from diptych.systems import Pix2Pix
plain = Pix2Pix.losses
def losses(self, batch, step):
    if step == 4 and os.environ["RANK"] == "1":
        os._exit(9)
    yield from plain(self, batch, step)
Pix2Pix.losses = losses
"""
CALL = """
from diptych.cli import main
sys.argv = ["diptych", *sys.argv[1:]]
main()
"""


def torchrun(count: int, arguments: list[str], folder: Path, script: str = "") -> subprocess.CompletedProcess[str]:
    """``torchrun -m diptych train ...``; with ``script`` that much Python runs in every process first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}", "--master-addr=127.0.0.1"]
    what = ["-m", "diptych"]
    if script:
        (folder.parent / "script.py").write_text(script + CALL)
        what = [str(folder.parent / "script.py")]
    command = [*start, f"--master-port={port}", *what, "train", *arguments, "--no-check", "--out", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def words(folder: Path, *more: str) -> list[str]:
    tiny = "options.width=4 options.discriminator_width=4 options.discriminator_layers=1 data.load_size=18 data.crop_size=16"
    lengths = (
        "training.epochs=0 training.steps=6 training.checkpoint_every=3 training.precision=float32 training.log_every=1"
    )
    return ["pix2pix", f"data.folder={folder}", *tiny.split(), *lengths.split(), *INSTANCE, *more]


@pytest.mark.slow
def test_two_processes_equal_one_of_twice_the_batch(toy_pairs: Path, tmp_path: Path) -> None:
    two = torchrun(2, words(toy_pairs, "training.batch_size=2"), tmp_path / "two")
    assert two.returncode == 0, two.stdout + two.stderr
    assert "effective batch 4" in two.stdout
    assert two.stdout.count("Run folder") == 1  # one process speaks
    recipe = tiny_recipe("pix2pix", toy_pairs, *INSTANCE, "training.batch_size=4", "training.log_every=1")
    one, _ = run_to_end(recipe, tmp_path / "one")
    single, pair = weights(one), weights(Run(tmp_path / "two", recipe))
    compared = 0
    for name in [name.removeprefix("system.") for name in single if name.startswith("system.")]:
        moment = single[f"side.{name}.exp_avg"]
        if moment.abs().max() < 1e-5:
            continue  # a bias that the norm takes out: its gradient is all rounding, which Adam turns into full steps
        torch.testing.assert_close(
            pair[f"side.{name}.exp_avg"], moment, rtol=0.02, atol=0.02 * moment.abs().max().item()
        )
        assert (single[f"system.{name}"] - pair[f"system.{name}"]).abs().mean() < 2e-5, name
        compared += 1
    assert compared > 10
    logs = [Run(tmp_path / name, recipe).entries("log.jsonl") for name in ("one", "two")]
    assert logs[0][0]["generator.l1"] == pytest.approx(logs[1][0]["generator.l1"], rel=0.5)


@pytest.mark.slow
def test_both_end_with_the_same_weights_also_after_a_resumption(toy_pairs: Path, tmp_path: Path) -> None:
    running = ("options.norm=batch", "options.statistics=running", "training.statistics_pictures=8")
    arguments = words(toy_pairs, "training.average=0.9", "training.batch_size=2", *running)
    recipe = tiny_recipe("pix2pix", toy_pairs)
    assert torchrun(2, arguments, tmp_path / "run", DUMP).returncode == 0
    first = [(tmp_path / f"run.rank{rank}").read_text() for rank in (0, 1)]
    straight = weights(Run(tmp_path / "run", recipe))
    assert under("statistics.generator", straight)  # which the leading process computes alone
    Run(tmp_path / "run", recipe).path_of(6).unlink()
    again = torchrun(2, arguments, tmp_path / "run", DUMP)
    assert "Resumed at step 3" in again.stdout
    second = [(tmp_path / f"run.rank{rank}").read_text() for rank in (0, 1)]
    assert first[0] == first[1] == second[0] == second[1]
    assert_equal(straight, weights(Run(tmp_path / "run", recipe)))


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_with_a_message_and_a_good_checkpoint(toy_pairs: Path, tmp_path: Path) -> None:
    result = torchrun(2, words(toy_pairs), tmp_path / "run", DIE)
    assert result.returncode != 0
    assert "another process of this run has ended" in result.stderr
    run = Run(tmp_path / "run", tiny_recipe("pix2pix", toy_pairs))
    assert run.saved_steps() == [3]
    assert all(torch.isfinite(tensor).all() for tensor in weights(run).values())


STATISTICS = """
import torch, torch.distributed as dist
from diptych.networks.spectral import SyncBatchNorm
dist.init_process_group("gloo")
generator = torch.Generator().manual_seed(0)
whole = torch.randn(4, 3, 5, 5, generator=generator)
weights = torch.randn(4, 3, 5, 5, generator=generator)
plain = torch.nn.BatchNorm2d(3, affine=False)
source = whole.clone().requires_grad_()
(plain(source) * weights).sum().backward()
mine = slice(2 * dist.get_rank(), 2 * dist.get_rank() + 2)
layer = SyncBatchNorm(3)
half = whole[mine].clone().requires_grad_()
result = layer(half)
(result * weights[mine]).sum().backward()
torch.testing.assert_close(result, plain.train()(whole)[mine])
torch.testing.assert_close(half.grad, source.grad[mine])
torch.testing.assert_close(layer.running_mean, 0.1 * whole.mean((0, 2, 3)))
torch.testing.assert_close(layer.running_var, 0.9 + 0.1 * whole.var((0, 2, 3)))
print("agreed")
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_statistics_are_those_of_all_processes_together(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(STATISTICS)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [*start, f"--master-port={port}", str(tmp_path / "script.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.count("agreed") == 2, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("system", ["spade", "pix2pixhd"])
def test_systems_with_statistics_and_styles_stay_together(system: str, tmp_path: Path) -> None:
    """Statistics over processes, spectral vectors and remembered styles: the weights agree on both all the same."""
    labelled = draw_labelled(tmp_path / "data")
    kind = 'data.source={colour="labels",classes=3,instances=true,palette=[]}'
    style = "options.style=8" if system == "spade" else "options.features=3"
    lengths = ["training.epochs=0", "training.steps=4", "training.precision=float32", "training.batch_size=2"]
    words = [*TINY[system], *DATA[system], "data.palette=[]", kind, style, *lengths, f"data.folder={labelled}"]
    done = torchrun(2, [f"{system}", *words], tmp_path / "run", DUMP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "run.rank0").read_text() == (tmp_path / "run.rank1").read_text()
