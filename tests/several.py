"""Several processes on this machine's processor: what starts them, and the words of a tiny run."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen

INSTANCE = ["options.norm=instance", "options.discriminator_norm=instance", "options.dropout=[]"]


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
