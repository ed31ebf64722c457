"""The scripts behind BENCHMARKS.md, one after the other, in short forms; at its end it says how long each took.

Usage: python benchmarks/everything.py [--device cuda] [--only limits training_step] [--list]

Longer runs give the same tables with less noise: each script says in its --help what can be asked of it. The curves of
learning take hours by their nature and are apart: `make curves`.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
SCRIPTS: dict[str, list[str]] = {
    "limits": ["--rounds", "3"],
    "profiling": ["pix2pix-facades"],
    "training_step": ["--rounds", "5"],
    "ideas": ["--rounds", "3"],
    "steps": ["--rounds", "3"],
    "throughput": [],  # of GPUs alone
    "optimiser": [],
    "waiting": ["--rounds", "2", "--repeats", "2"],
    "data": ["--pairs", "400"],
    "memory": ["--steps", "100"],
    "evaluation": ["--pictures", "160"],
    "published": ["--steps", "2", "--without", "pix2pixhd-cityscapes-1024p"],
    "inference": ["--rounds", "7"],
    "parity": [],
    "page": ["--strokes", "6"],
    "serving": ["--seconds", "4"],
    "malformed": ["--requests", "300"],
    "tiling": ["--side", "768", "--tile", "512", "--only", "seams", "--rounds", "2"],
    "folder": ["--count", "600", "--kill-at", "200"],
}
"""In the order of BENCHMARKS.md, with the arguments of the short forms."""
ON_GPUS = (
    "limits",
    "profiling",
    "training_step",
    "ideas",
    "throughput",
    "optimiser",
    "memory",
    "published",
    "evaluation",
    "inference",
)
"""What a GPU changes."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=list(SCRIPTS))
    parser.add_argument("--list", action="store_true", help="say what would be run")
    arguments = parser.parse_args()
    on_gpu = arguments.device.startswith("cuda")
    names = [name for name in arguments.only if (name in ON_GPUS if on_gpu else name != "throughput")]
    table = Table("script", "arguments", "seconds", "exit", title="What was run")
    failed = False
    for number, name in enumerate(names, 1):
        command = [*SCRIPTS[name], "--device", arguments.device]
        if arguments.list:
            print(f"python benchmarks/{name}.py {' '.join(command)}")
            continue
        print(f"\n[{number}/{len(names)}] benchmarks/{name}.py", flush=True)
        began = time.perf_counter()
        code = subprocess.run([sys.executable, HERE / f"{name}.py", *command], check=False).returncode
        table.add_row(name, " ".join(SCRIPTS[name]), f"{time.perf_counter() - began:.0f}", str(code))
        failed |= code != 0
    if not arguments.list:
        Console(width=120).print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
