"""Several processes of one run, started by torchrun on this machine's processor."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
import torch
from commanding import Typed
from toys import DATA, TINY, assert_equal, draw_labelled, run_to_end, tiny_recipe, weights

from diptych.checkpoints import with_prefix
from diptych.systems import SYSTEMS
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
UNREADABLE = """
import os
from diptych.data.stream import Positions
from diptych.errors import DiptychError
plain = Positions.sample
def sample(self, position):
    if position >= 9 and os.environ["RANK"] == "1":
        raise DiptychError("x.png is not there.")
    return plain(self, position)
Positions.sample = sample
"""
CALL = """
import sys
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
    assert with_prefix("statistics.generator", straight)  # which the leading process computes alone
    Run(tmp_path / "run", recipe).path_of(6).unlink()
    again = torchrun(2, arguments, tmp_path / "run", DUMP)
    assert "Resumed at step 3" in again.stdout
    second = [(tmp_path / f"run.rank{rank}").read_text() for rank in (0, 1)]
    assert first[0] == first[1] == second[0] == second[1]
    assert_equal(straight, weights(Run(tmp_path / "run", recipe)))


@pytest.mark.slow
def test_a_picture_that_one_process_cannot_read_ends_all_with_what_is_kept(toy_pairs: Path, tmp_path: Path) -> None:
    result = torchrun(2, words(toy_pairs), tmp_path / "run", UNREADABLE)
    assert result.returncode != 0
    kept = "the checkpoint of step 3 is whole, and the same command goes on from it."
    assert f"diptych: x.png is not there. One process alone saves nothing: {kept}" in result.stderr
    assert "Traceback" not in result.stdout
    again = torchrun(2, words(toy_pairs), tmp_path / "run")
    assert "Resumed at step 3 of 6." in again.stdout, again.stderr


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_with_a_message_and_a_good_checkpoint(toy_pairs: Path, tmp_path: Path) -> None:
    result = torchrun(2, words(toy_pairs), tmp_path / "run", DIE)
    assert result.returncode != 0
    assert "another process of this run has ended" in result.stderr
    assert "the checkpoint of step 3 is whole, and the same command goes on from it" in result.stderr
    run = Run(tmp_path / "run", tiny_recipe("pix2pix", toy_pairs))
    assert run.saved_steps() == [3]
    assert all(torch.isfinite(tensor).all() for tensor in weights(run).values())


KILL = """
import os
from diptych.training.monitoring.watch import Watch
plain = Watch.after
def after(watch, step, faults, entry):
    plain(watch, step, faults, entry)
    if step == 5:
        os._exit(9)
Watch.after = after
"""


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_killed_and_resumed_equals_never_stopped(system: str, toy_pairs: Path, tmp_path: Path) -> None:
    """Whatever a process remembers alone: pools, running statistics, styles. To the byte, of the files themselves."""
    recipe = tiny_recipe(system, toy_pairs, "training.average=0.9")
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    runs = [Run(tmp_path / name, recipe) for name in ("straight", "killed")]
    first = torchrun(2, [str(tmp_path / "recipe.toml")], runs[0].folder)
    assert first.returncode == 0, first.stdout + first.stderr
    assert torchrun(2, [str(tmp_path / "recipe.toml")], runs[1].folder, KILL).returncode != 0
    assert runs[1].saved_steps() == [3]
    second = torchrun(2, [str(tmp_path / "recipe.toml")], runs[1].folder)
    assert "Resumed at step 3 of 6." in second.stdout, second.stdout + second.stderr
    assert_equal(*(weights(run) for run in runs))
    assert runs[0].path_of(6).read_bytes() == runs[1].path_of(6).read_bytes()
    own = {name for name in weights(runs[0]) if name.startswith("process.1.system.")}
    if system == "cyclegan":
        assert sum(name.endswith(".images") for name in own) == 2
    if system == "pix2pix":
        assert any(name.endswith("running_var") for name in own)


@pytest.mark.slow
def test_another_number_of_processes_is_refused(toy_pairs: Path, tmp_path: Path, typed: Typed) -> None:
    assert torchrun(2, words(toy_pairs), tmp_path / "run").returncode == 0
    said = typed("train", *words(toy_pairs), "--no-check", "--out", tmp_path / "run")
    assert said.code == 2
    assert "was trained by 2 processes, and this start has 1; start as many, or begin anew" in said.err
    assert f"training.init_from={tmp_path / 'run'}" in said.err


def two(arguments: list[str], folder: Path, watched: Callable[[list[Popen[str]]], None]) -> list[tuple[int, str, str]]:
    """Two processes without torchrun, which would send signals of its own: of each the exit code, and what it said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    environments = [{**os.environ, **common, "WORLD_SIZE": "2", "RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
    command = [sys.executable, "-m", "diptych", "train", *arguments, "--no-check", "--out", str(folder)]
    started = [Popen(command, env=each, stdout=PIPE, stderr=PIPE, text=True) for each in environments]
    watched(started)
    said = [process.communicate(timeout=120) for process in started]
    return [(process.returncode, *words) for process, words in zip(started, said, strict=True)]


ENDLESS = ("training.steps=100000", "training.checkpoint_every=100000", "training.log_every=1")
ASKED = "Stopping after this step, and saving. Once more stops at once and saves nothing."


def signalled(rank: int, number: int) -> Callable[[list[Popen[str]]], None]:
    """Sends a signal to one process once they train."""

    def act(started: list[Popen[str]]) -> None:
        assert started[0].stdout is not None
        for line in started[0].stdout:
            if line.startswith("step 3/"):
                break
        started[rank].send_signal(number)

    return act


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asking_one_process_to_stop_stops_all(number: int, rank: int, toy_pairs: Path, tmp_path: Path) -> None:
    (code, out, err), (other_code, other_out, other_err) = two(
        words(toy_pairs, *ENDLESS), tmp_path / "run", signalled(rank, number)
    )
    assert (code, other_code) == (130, 130)
    assert err.strip() == ASKED
    assert "Done" not in out
    assert out.strip().splitlines()[-1].startswith("Saved. The same command goes on from here")
    assert (other_out, other_err) == ("", "")
    run = Run(tmp_path / "run", tiny_recipe("pix2pix", toy_pairs))
    assert [event["kind"] for event in run.entries("events.jsonl") if event["kind"] in ("pause", "end")] == ["pause"]
    assert len(run.saved_steps()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_the_others_say_in_a_sentence_that_one_has_died(rank: int, toy_pairs: Path, tmp_path: Path) -> None:
    ended = two(words(toy_pairs, *ENDLESS), tmp_path / "run", signalled(rank, signal.SIGKILL))
    code, _, told = ended[1 - rank]
    assert code == 1
    assert told.strip() == (
        "diptych: another process of this run has ended or does not answer; "
        "no checkpoint was saved yet, and the same command begins anew."
    )


@pytest.mark.slow
def test_a_start_that_one_process_refuses(toy_pairs: Path, tmp_path: Path) -> None:
    """Only the one that leads looks at the folder; the other must not end with a traceback."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("irreplaceable")
    (code, _, told), (other_code, _, other_told) = two(words(toy_pairs), tmp_path / "thesis", lambda started: None)
    assert (code, other_code) == (1, 1)
    assert "is not empty and holds no run" in told
    assert "another process of this run has ended" in other_told
    assert "Traceback" not in told + other_told


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


AVERAGES = """
import copy, torch, torch.distributed as dist
from diptych.recipe import TrainingSettings
from diptych.training import buckets
from diptych.training.processes import join
from diptych.training.side import Side
buckets.BYTES = 500
processes = join("cpu")
torch.manual_seed(0)

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.unreached = torch.nn.Conv2d(5, 5, 3)
        self.first = torch.nn.Conv2d(3, 5, 3)
        self.seldom = torch.nn.Conv2d(5, 5, 1)
        self.last = torch.nn.Conv2d(5, 2, 3)

    def forward(self, maps, fully):
        maps = self.first(maps).relu()
        return self.last(self.seldom(maps) if fully else maps)

ours = Network().to(memory_format=torch.channels_last)
plain = copy.deepcopy(ours)
side = Side("generator", ours, TrainingSettings(steps=1), processes)
assert len(side.buckets.buckets) == 5, [len(each.parameters) for each in side.buckets.buckets]
seen, early, descend = [], [], side.descend
side.descend = lambda: (seen.append([p.grad if p.grad is None else p.grad.clone() for p in side.trained]), descend())
for step, fully in enumerate((True, False, True)):
    torch.manual_seed(10 * step + processes.rank)
    for part in range(2):
        pictures = torch.randn(2, 3, 9, 9)
        side.accumulate({"a": ours(pictures, fully).square().mean()}, 0.5, last=part == 1)
        (plain(pictures, fully).square().mean() * 0.5).backward(inputs=list(plain.parameters()))
        if part == 0:
            assert side.buckets.sent == 5, side.buckets.sent
    early.append(side.buckets.sent)
    side.prepare(0.0, step)
    side.update()
    for parameter, found in zip(plain.parameters(), seen[-1], strict=True):
        if parameter.grad is None:
            assert found is None
            continue
        gathered = [torch.empty(parameter.shape) for _ in range(2)]
        dist.all_gather(gathered, parameter.grad.contiguous())
        assert torch.equal(found, (gathered[0] + gathered[1]) / 2)
        assert not torch.equal(gathered[0], gathered[1])
        parameter.grad = None
    assert all(p.grad is None for p in ours.parameters())
assert early == [3, 0, 3], early  # those before the one that is never complete had set off during backward
print("agreed")
processes.close()
"""


def both(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A script in two processes."""
    (folder / "script.py").write_text(script)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [*start, f"--master-port={port}", str(folder / "script.py")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("script", [STATISTICS, AVERAGES], ids=["statistics", "gradients"])
def test_what_is_computed_is_that_of_all_processes_together(script: str, tmp_path: Path) -> None:
    done = both(script, tmp_path)
    assert done.stdout.count("agreed") == 2, done.stderr


@pytest.mark.slow
def test_a_process_that_ends_while_another_works_alone_is_told_of_at_once(tmp_path: Path) -> None:
    script = "import os\nfrom diptych.errors import DiptychError\nfrom diptych.training.processes import join\n"
    script += "processes = join('cpu')\nprocesses.wait()\n"
    script += "if not processes.leads:\n    os._exit(0)\n"
    script += "try:\n    with processes.explaining(lambda: 'nothing is lost'):\n        processes.wait()\n"
    script += "except DiptychError as problem:\n    print(problem)\n"
    done = both(script, tmp_path)
    assert "another process of this run has ended" in done.stdout, done.stderr


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
