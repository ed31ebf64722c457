"""All that a GPU alone can show, in one script of under eight minutes: what BENCHMARKS.md has to leave open without one.

Each part has a process and a time limit of its own, so the table at the end is printed whatever becomes of any of them; what a part had
found when it was stopped stands in it. Usage: python benchmarks/gpu.py [--only capture steps] (with --device cpu to see that it works)
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from diptych.machine.devices import choose

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._gpu import Told, capture, compiled, data, determinism, judging, steps, tests


class Part(NamedTuple):
    """A function of the device that tells what it finds, and the seconds that it may take."""

    find: Callable[[torch.device], Told]
    seconds: int


PARTS = {
    "capture": Part(capture, 60),
    "steps": Part(steps, 110),
    "data": Part(data, 35),
    "determinism": Part(determinism, 60),
    "judging": Part(judging, 30),
    "compiled": Part(compiled, 60),
    "tests": Part(tests, 115),
}
"""Seven minutes and fifty seconds at most."""


def ask(name: str, device: str) -> tuple[list[tuple[str, str]], str]:
    """What a part finds in a process of its own, and how it ended."""
    command = [sys.executable, __file__, "--device", device, "--inside", name]
    began = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, timeout=PARTS[name].seconds, check=False)
        said, wrong = done.stdout, done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        words = f"failed: {' '.join(wrong)[:100]}" if done.returncode else f"{time.perf_counter() - began:.0f} s"
    except subprocess.TimeoutExpired as late:
        said, words = late.stdout or b"", f"stopped after its {PARTS[name].seconds} s"
    rows = [json.loads(line) for line in said.decode().splitlines() if line.startswith('["')]
    return [(what, figure) for what, figure in rows], words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--inside", choices=PARTS, help="for the process of one part")
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("There is no GPU here; run this where there is one (or with --device cpu to see that it works).")
        return
    device = choose(arguments.device)
    if arguments.inside:
        for row in PARTS[arguments.inside].find(device):
            print(json.dumps(row), flush=True)
        return
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "this is no GPU"
    table = Table("part", "what", "figure", title=f"{name}, torch {torch.__version__}")
    for part in arguments.only:
        print(f"{part} ...", file=sys.stderr, flush=True)
        rows, words = ask(part, arguments.device)
        for what, figure in rows:
            table.add_row(part, what, figure)
        table.add_row(part, "in all", words, end_section=True)
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
