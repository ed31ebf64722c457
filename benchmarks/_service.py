"""``diptych serve`` as a process of its own, for the measurements that ask it."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from diptych.data.public.licences import Licence
from diptych.exporting.models import write_model
from diptych.networks import NetworkSpec
from diptych.pictures.kinds import Kind
from diptych.translator.card import Card
from diptych.translator.translator import Translator


def untrained(folder: Path, side: int, **options: Any) -> Path:
    """A model folder of a U-Net with random weights, which take as long as trained ones."""
    torch.manual_seed(0)
    spec = NetworkSpec("unet", {"channels_in": 3, "channels_out": 3, "statistics": "running", **options})
    network = spec.build()
    card = Card("a-to-b", "generator", spec.name, spec.arguments, Kind(), Kind(), side, (side, side))
    write_model(Translator(network, card), folder, folder / f"unet-{side}", "latest", "float32", Licence())
    return folder / f"unet-{side}"


@dataclass(frozen=True)
class Service:
    """A running service."""

    address: str
    name: str
    """Of its translator."""
    process: int
    log: Path

    def megabytes(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def served(place: Path, *words: str) -> Iterator[Service]:
    """A service of the run or model folder on a free port; it must stop in order."""
    command = [sys.executable, "-m", "diptych.cli", "serve", str(place), "--port", "0", "--no-browser", *words]
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            said = ""
            while "Serving on" not in said:
                line = process.stdout.readline()
                if not line:
                    raise SystemExit(f"diptych serve did not start: {said}{(Path(folder) / 'log').read_text()}")
                said += line
            address = re.search(r"Serving on (http://\S+)", said)
            name = re.search(r"^(\S+): .*Engine", said, re.MULTILINE)
            assert address
            assert name
            yield Service(f"{address[1]}/", name[1], process.pid, Path(folder) / "log")
        finally:
            process.terminate()
            code = process.wait(60)
            assert process.stdout is not None
            process.stdout.close()
        if code:
            raise SystemExit(f"diptych serve stopped with {code}.")
