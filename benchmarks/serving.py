"""Load on ``diptych serve`` by wrk, a public load generator, on loopback; and what batches gain over one picture at a time.

Usage: python benchmarks/serving.py [--seconds 60] [--run RUN] [--side 256]

Two services in processes of their own, with batches and without, are asked in turn, for --seconds at so many connections; every
request is a PNG to translate.
Without --run it is the published U-Net (or, below 256, one of the demo's size) with random weights.
"""

import argparse
import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._service import Service, served, untrained
from benchmarks._turns import Compared

CONNECTIONS = (1, 8, 64)
ROUNDS = 3
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "image/png"
local file = io.open("%s", "rb")
wrk.body = file:read("*all")
file:close()
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args) statuses = {} end
function response(status, headers, body) statuses[status] = (statuses[status] or 0) + 1 end
function done(summary, latency, requests)
  local counts = {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do counts[status] = (counts[status] or 0) + count end
  end
  local words = {}
  for status, count in pairs(counts) do table.insert(words, string.format('"%%d": %%d', status, count)) end
  local errors = summary.errors
  print(string.format('RESULT {"seconds": %%f, "p50": %%f, "p99": %%f, "broken": %%d, "statuses": {%%s}}',
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.timeout, table.concat(words, ", ")))
end
"""


@dataclass(frozen=True)
class Load:
    """What one row is made of."""

    statuses: dict[str, int]
    broken: int
    seconds: float
    p50: float
    p99: float
    before: float
    after: float

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.statuses.get("200", 0) / self.seconds


def load(service: Service, script: Path, connections: int, seconds: int) -> Load:
    """wrk for so long, after a moment to warm up."""
    address = f"{service.address}translate/{service.name}"
    asked(address, script, min(connections, 8), 3)
    before = service.megabytes()
    told = asked(address, script, connections, seconds)
    return Load(before=before, after=service.megabytes(), **told)


def asked(address: str, script: Path, connections: int, seconds: int) -> dict[str, Any]:
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(script), address]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    line = next(line for line in said.splitlines() if line.startswith("RESULT "))
    told: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return told


def drawing(side: int) -> bytes:
    """Black lines on white, as a page sends them."""
    rows, columns = np.mgrid[:side, :side]
    lines = (np.hypot(rows - side / 2, columns - side / 2) % 40 < 2) | (rows % 61 == 0)
    file = io.BytesIO()
    Image.fromarray(np.where(lines[..., None], 0, 255).astype(np.uint8).repeat(3, axis=2)).save(file, "PNG")
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--side", type=int, default=256, help="of the pictures that are sent")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("The load generator wrk is missing; on Debian: apt-get install wrk.")
        return
    with tempfile.TemporaryDirectory() as folder:
        small: dict[str, Any] = {} if arguments.side >= 256 else {"width": 32, "depth": 7}
        place = arguments.run or untrained(Path(folder), arguments.side, **small)
        (Path(folder) / "drawing.png").write_bytes(drawing(arguments.side))
        script = Path(folder) / "post.lua"
        script.write_text(SCRIPT % (Path(folder) / "drawing.png"))
        words = ("--device", arguments.device)
        with served(place, "--batch", "8", *words) as batched, served(place, "--batch", "1", *words) as single:
            services = {"one by one": single, "batches of up to 8": batched}
            asked_for = [(what, count) for count in CONNECTIONS for what in services]
            rounds = [
                {one: load(services[one[0]], script, one[1], arguments.seconds) for one in asked_for}
                for _ in range(arguments.rounds)
            ]
    print_table(rounds, f"{arguments.run or place.name}, pictures of {arguments.side}x{arguments.side}")


def print_table(rounds: list[dict[tuple[str, int], Load]], title: str) -> None:
    """A row for each service and number of connections; ratios are to one by one in the same round."""
    table = Table("connections", "service", "pictures/s", "ratio", "worst and best", "p50 ms", "p99 ms", "other answers", "broken",
                  "MB before, after", title=f"{title}, {len(rounds)} x {next(iter(rounds[0].values())).seconds:.0f} s each")  # fmt: skip
    for what, count in rounds[0]:
        rows = [found[what, count] for found in rounds]
        compared = Compared.of([(found["one by one", count].rate, found[what, count].rate) for found in rounds])
        statuses = sum((Counter(row.statuses) for row in rows), Counter[str]())
        others = ", ".join(f"{number} x {status}" for status, number in sorted(statuses.items()) if status != "200")
        p50, p99 = (statistics.median(getattr(row, name) for row in rows) for name in ("p50", "p99"))
        table.add_row(
            str(count),
            what,
            f"{compared.second:.1f}",
            f"{compared.ratio:.2f}",
            compared.span,
            f"{p50:.0f}",
            f"{p99:.0f}",
            others or "none",
            str(sum(row.broken for row in rows)),
            f"{rows[0].before:.0f}, {rows[-1].after:.0f}",
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
