"""Malformed requests: by schemathesis from the OpenAPI document, and pictures whose bytes were changed. None may be a failure.

Usage: python benchmarks/malformed.py [--requests 2000] [--seed 0] [--run RUN] [--picture FILE]

Half of the requests are schemathesis' own, with data that fits the document and data that does not; half are files of a
picture in twenty forms of PNG, JPEG, WebP, TIFF and BMP with flipped bits, cut, spliced, with fields of their headers set to
extreme values. A failure is a status of 500 and more other than the bounded 503, an answer that does not fit the document,
no answer within 20 seconds, or memory that grows with the requests; with one the exit status is 1.
"""

import argparse
import io
import random
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import schemathesis
import tifffile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from PIL import Image
from rich.console import Console
from rich.table import Table
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._service import Service, served, untrained

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
PATIENCE = 20
EXTREME = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 60_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
GROWTH = 100
"""Megabytes between the first quarter of the requests and the last: allocators keep some."""


@dataclass
class Found:
    """What came of the requests of one sort."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def note(self, status: int, seconds: float, what: str) -> None:
        self.statuses[status] += 1
        self.slowest = max(self.slowest, seconds)
        if status >= 500 and status != 503:
            self.failures.append(f"{status} for {what}")


def drawn() -> Image.Image:
    """Something with edges, gradients and noise, where no picture is given."""
    rows, columns = np.mgrid[:48, :64]
    planes = [rows * 5, columns * 4, ((rows - 24) ** 2 + (columns - 32) ** 2 < 300) * 200]
    noise = np.random.default_rng(0).integers(0, 20, (48, 64, 3))
    return Image.fromarray((np.stack(planes, 2) + noise).clip(0, 255).astype(np.uint8))


def forms(picture: Image.Image) -> dict[str, bytes]:
    """The picture as files of many forms."""
    rgb, grey = picture.convert("RGB"), picture.convert("L")
    deep = np.asarray(grey, dtype=np.uint16) * 257
    exif = Image.Exif()
    exif[274] = 6
    pillow: list[tuple[str, Image.Image, str, dict[str, object]]] = [
        ("png", rgb, "PNG", {}),
        ("png palette", rgb.quantize(32), "PNG", {}),
        ("png opacity", picture.convert("RGBA"), "PNG", {}),
        ("png grey 16", Image.fromarray(deep), "PNG", {}),
        ("png with exif", rgb, "PNG", {"exif": exif}),
        ("jpeg", rgb, "JPEG", {}),
        ("jpeg progressive", rgb, "JPEG", {"progressive": True, "exif": exif}),
        ("jpeg cmyk", picture.convert("CMYK"), "JPEG", {}),
        ("webp", rgb, "WEBP", {}),
        ("webp lossless", picture.convert("RGBA"), "WEBP", {"lossless": True}),
        ("webp animated", rgb, "WEBP", {"save_all": True, "append_images": [grey.convert("RGB")]}),
        ("tiff", rgb, "TIFF", {}),
        ("tiff lzw", rgb, "TIFF", {"compression": "tiff_lzw"}),
        ("tiff deflate", rgb, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("tiff jpeg", rgb, "TIFF", {"compression": "jpeg"}),
        ("tiff pages", rgb, "TIFF", {"save_all": True, "append_images": [grey]}),
        ("tiff big", rgb, "TIFF", {"big_tiff": True}),
        ("bmp", rgb, "BMP", {}),
    ]
    found = {}
    for name, one, form, options in pillow:
        file = io.BytesIO()
        one.save(file, form, **options)
        found[name] = file.getvalue()
    tiled: dict[str, Any] = {"tile": (16, 16), "compression": "zlib"}
    for name, more in (("tiff rgb 16 tiles", tiled), ("tiff rgb 16", {})):
        file = io.BytesIO()
        tifffile.imwrite(file, np.asarray(rgb, dtype=np.uint16) * 257, photometric="rgb", metadata=None, **more)
        found[name] = file.getvalue()
    return found


def flip(data: bytearray, dice: random.Random, _: list[bytes]) -> None:
    for _number in range(dice.choice((1, 2, 8, 64))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def cut(data: bytearray, dice: random.Random, _: list[bytes]) -> None:
    start = dice.randrange(len(data))
    del data[start : len(data) if dice.random() < 0.5 else start + dice.randrange(1, 200)]


def splice(data: bytearray, dice: random.Random, others: list[bytes]) -> None:
    other = dice.choice(others)
    start = dice.randrange(len(other))
    data[dice.randrange(len(data)) :] = other[start:]


def repeat(data: bytearray, dice: random.Random, _: list[bytes]) -> None:
    start = dice.randrange(len(data))
    data[start:start] = data[start : start + dice.randrange(1, 400)] * dice.choice((1, 3, 50))


def header(data: bytearray, dice: random.Random, _: list[bytes]) -> None:
    """A field of two or four bytes near the beginning or, where TIFFs have their directory, the end."""
    form, most = dice.choice((("H", 0xFFFF), ("I", 0xFFFFFFFF)))
    value = dice.choice(EXTREME) & most
    within = min(len(data) - 4, dice.choice((40, 250)))
    place = dice.randrange(within) if dice.random() < 0.7 else len(data) - 4 - dice.randrange(within)
    data[place : place + struct.calcsize(form)] = struct.pack(dice.choice("<>") + form, value)


CHANGES: list[Callable[[bytearray, random.Random, list[bytes]], None]] = [flip, cut, splice, repeat, header, header]


def summed(data: bytearray) -> None:
    """A PNG's checksums put right, so that its changes are looked at."""
    place = 8
    while data.startswith(b"\x89PNG") and place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            return
        struct.pack_into(">I", data, end, zlib.crc32(data[place + 4 : end]))
        place = end + 4


def mutated(count: int, seed: int, picture: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Changed files, each with a name by which it can be made again."""
    whole = forms(picture)
    for number in range(count):
        dice = random.Random(f"{seed} {number}")
        name = dice.choice(list(whole))
        data = bytearray(whole[name])
        for _ in range(dice.choice((1, 1, 2, 4))):
            if len(data) > 8:
                dice.choice(CHANGES)(data, dice, list(whole.values()))
        if dice.random() < 0.5:
            summed(data)
        yield f"{name}, number {number} of seed {seed}", bytes(data)


def pictures(address: str, name: str, files: Iterator[tuple[str, bytes]]) -> Found:
    """Post each file, raw or as a form."""
    found = Found()
    with httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False) as client:
        for number, (what, data) in enumerate(files):
            began = time.perf_counter()
            given: dict[str, Any] = {"content": data} if number % 3 else {"files": {"picture": data}}
            try:
                answer = client.post(f"/translate/{name}", **given)
            except httpx.HTTPError as problem:
                found.failures.append(f"no answer ({problem!r}) for {what}")
                continue
            found.note(answer.status_code, time.perf_counter() - began, what)
    return found


def document(address: str, count: int, seed: int) -> Found:
    """What schemathesis makes of the OpenAPI document: two thirds on translating, of data that fits and that does not."""
    found = Found()
    schema = schemathesis.openapi.from_url(f"{address}openapi.json")
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            posts = operation.method == "post"
            if mode == GenerationMode.NEGATIVE and not posts:
                continue  # they have no parameters to get wrong

            @seeded(seed)
            @settings(
                max_examples=max(1, count // 2) if posts else 5,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: "schemathesis.Case[Any]") -> None:
                began = time.perf_counter()
                what = f"{case.method} {case.formatted_path} {case.query} {case.headers} {case.media_type}"
                try:
                    answer = case.call(base_url=address, timeout=PATIENCE)
                    found.note(answer.status_code, time.perf_counter() - began, what)
                    case.validate_response(answer, checks=CHECKS)
                except Exception as problem:  # whatever it is, it is what was looked for
                    found.failures.append(f"{what}: {problem}")

            ask()
    return found


def asked(service: Service, requests: int, seed: int, picture: Image.Image) -> tuple[dict[str, Found], list[float]]:
    """Both sorts in four rounds, and the memory after each."""
    found: dict[str, Found] = {"schemathesis": Found(), "changed pictures": Found()}
    memory = [service.megabytes()]
    for number in range(4):
        half = requests // 8
        rounds = {
            "schemathesis": document(service.address, half, seed * 100 + number),
            "changed pictures": pictures(service.address, service.name, mutated(half, seed * 100 + number, picture)),
        }
        for name, one in rounds.items():
            found[name].statuses += one.statuses
            found[name].failures += one.failures
            found[name].slowest = max(found[name].slowest, one.slowest)
        memory.append(service.megabytes())
    return found, memory


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help="a trained run; without one, a small network with random weights")
    parser.add_argument("--picture", type=Path, help="a real picture, whose files are changed")
    parser.add_argument("--device", default="cpu", help="taken so that all can be called alike")
    arguments = parser.parse_args()
    picture = Image.open(arguments.picture).resize((96, 64)) if arguments.picture else drawn()
    with tempfile.TemporaryDirectory() as folder:
        place = arguments.run or untrained(Path(folder), 64, width=8, depth=6)
        with served(place, "--engine", "torch") as service:
            found, memory = asked(service, arguments.requests, arguments.seed, picture)
            failures = [failure for one in found.values() for failure in one.failures]
            failures += [line for line in service.log.read_text().splitlines() if '"trace"' in line]
    if memory[-1] - memory[1] > GROWTH:
        failures.append(f"memory grew from {memory[1]:.0f} to {memory[-1]:.0f} MB")
    print_table(found, memory)
    for failure in failures[:20]:
        print(failure[:1000])
    print(f"{len(failures)} failures.")
    return min(1, len(failures))


def print_table(found: dict[str, Found], memory: list[float]) -> None:
    table = Table("requests", "how many", "answers by status", "slowest", title="Malformed requests")
    for name, one in found.items():
        statuses = ", ".join(f"{count} x {status}" for status, count in sorted(one.statuses.items()))
        table.add_row(name, str(one.statuses.total()), statuses, f"{one.slowest:.2f} s")
    Console(width=120).print(table)
    shown = ", ".join(f"{one:.0f} ({one / memory[1]:.2f})" for one in memory[1:])
    print(f"Resident memory after each quarter, MB (over the first's): {shown}; before all, {memory[0]:.0f}")


if __name__ == "__main__":
    sys.exit(main())
