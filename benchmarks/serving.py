"""Load on ``diptych serve`` by wrk, a public load generator, on loopback; and what batches gain over one picture at a time.

Usage: python benchmarks/serving.py [--seconds 60] [--run RUN] [--side 256]

Two services in processes of their own, with batches and without, are asked for --seconds at so many connections; every request
is a PNG to translate.
Without --run it is the published U-Net (or, below 256, one of the demo's size) with random weights.
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._service import Service, served, untrained

CONNECTIONS = (1, 8, 64)
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

    what: str
    connections: int
    statuses: dict[str, int]
    broken: int
    seconds: float
    p50: float
    p99: float
    before: float
    after: float
    threads: int

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.statuses.get("200", 0) / self.seconds


def load(service: Service, script: Path, connections: int, seconds: int, what: str) -> Load:
    """wrk for so long, after a moment to warm up."""
    address = f"{service.address}translate/{service.name}"
    asked(address, script, min(connections, 8), 3)
    before = service.megabytes()
    told = asked(address, script, connections, seconds)
    return Load(what, connections, before=before, after=service.megabytes(), threads=service.threads(), **told)


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
        rows: list[Load] = []
        for batch, all_connections in ((8, CONNECTIONS), (1, (8, 64))):
            with served(place, "--batch", str(batch), "--device", arguments.device) as service:
                what = f"batches of up to {batch}"
                rows += [load(service, script, one, arguments.seconds, what) for one in all_connections]
    print_table(rows, f"{arguments.run or place.name}, pictures of {arguments.side}x{arguments.side}")


def print_table(rows: list[Load], title: str) -> None:
    table = Table("service", "connections", "pictures/s", "p50 ms", "p99 ms", "other answers", "broken", "MB before, after",
                  "threads", title=f"{title}, {rows[0].seconds:.0f} s each")  # fmt: skip
    for row in rows:
        others = ", ".join(f"{count} x {status}" for status, count in sorted(row.statuses.items()) if status != "200")
        table.add_row(
            row.what,
            str(row.connections),
            f"{row.rate:.1f}",
            f"{row.p50:.0f}",
            f"{row.p99:.0f}",
            others or "none",
            str(row.broken),
            f"{row.before:.0f}, {row.after:.0f}",
            str(row.threads),
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
