"""``diptych serve``."""

import math
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from diptych.errors import UsageError

if TYPE_CHECKING:
    from diptych.serving.service.listing import Offer

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    *runs: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    checkpoint: str = "latest",
    engine: str = "auto",
    device: str = "auto",
    batch: int = 8,
    queue: int = 32,
    max_megabytes: float = 20.0,
    max_pixels: int = 16_000_000,
    token: Annotated[str, Parameter(env_var="DIPTYCH_TOKEN")] = "",
    cors: tuple[str, ...] = (),
    keep_alive: float = 75.0,
    threads: int = 0,
    memory: float = 0.0,
    browser: bool = True,
) -> int:
    """Serve translators over HTTP, with a page to draw on.

    Example: diptych serve runs/openmoji runs/facades

    Parameters
    ----------
    runs
        Run folders, model folders or ONNX files.
    host
        127.0.0.1 serves this machine alone; 0.0.0.0 every machine that can reach it.
    port
        Of the address; 0 takes a free one.
    checkpoint
        latest, best, or a step such as 8000.
    engine
        auto takes the fastest exact one that is installed: openvino, onnx or torch. openvino-bfloat16 is faster and rounds.
    device
        Where to run: cpu, cuda, cuda:1, mps; auto takes a GPU where there is one.
    batch
        Pictures of equal size that are translated at once.
    queue
        Pictures that may wait; past it, clients are told to come again.
    max_megabytes
        Of a request.
    max_pixels
        Of a picture.
    token
        Whoever asks must know it; better given in the environment as DIPTYCH_TOKEN.
    cors
        Origins of other web pages that may ask, such as https://example.org.
    keep_alive
        Seconds for which a connection on which nothing is said stays open: longer than the idle time of a load balancer in
        front, which is often 60.
    threads
        Of torch and the engines; 0 = one for each core, or as OMP_NUM_THREADS says.
    memory
        Gigabytes that translating one picture may take; larger ones are cut into tiles. 0 = half of what is free.
    browser
        Let the page translate in the browser too. --no-browser keeps the networks here.
    """
    from diptych.machine.runtimes import RequiredPackage

    if not runs:
        raise UsageError("name at least one run or model folder to serve.")
    if min(batch, queue, max_pixels) < 1 or max_megabytes <= 0 or not 0 <= port < 65536:
        raise UsageError("--batch, --queue, --max-pixels and --max-megabytes must be positive, and --port below 65536.")
    if not 0 < keep_alive <= 3600 or threads < 0 or memory < 0:
        raise UsageError(
            "--keep-alive must lie between 0 and 3600 seconds, and --threads and --memory must not be negative."
        )
    with RequiredPackage("fastapi", "diptych serve"):  # to say so before anything is loaded
        for package in ("fastapi", "uvicorn"):
            import_module(package)
    from diptych.serving.service.limits import Limits
    from diptych.serving.service.running import bound, stopped_by_sigterm
    from diptych.serving.service.running import run as run_server
    from diptych.serving.service.server import Service, create

    make = offers_of_runs if find_spec("torch") else offers_of_files
    limits = Limits(
        bytes=int(max_megabytes * 2**20),
        pixels=max_pixels,
        batch=batch,
        queue=queue,
        keep_alive_seconds=keep_alive,
        memory=memory * 2**30 or math.inf,
    )
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # which runtimes go by where torch is not
    if threads and find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
    with stopped_by_sigterm(), bound(host, port) as place:
        print("Preparing (the first time a network is exported, which takes some seconds) ...", flush=True)
        offers, told = make(runs, checkpoint, device, engine, browser)
        print("\n".join(told))
        shown = f"[{host}]" if ":" in host else host
        print(f"Serving on http://{shown}:{place.getsockname()[1]} (Ctrl-C stops).", flush=True)
        if host not in LOOPBACK and not token:
            print(
                "Whoever reaches this address may translate; a token keeps strangers out (DIPTYCH_TOKEN=...).",
                flush=True,
            )
        run_server(create(Service(offers, limits, token, cors, browser)), place, limits)
    return 0


def offers_of_runs(
    places: tuple[Path, ...], checkpoint: str, device: str, engine: str, browser: bool
) -> "tuple[list[Offer], list[str]]":
    from diptych.exporting.offers import offers_of
    from diptych.translator.engines import device_for

    return offers_of(places, checkpoint, device_for(engine, device), engine, browser)


def offers_of_files(
    places: tuple[Path, ...], checkpoint: str, device: str, engine: str, browser: bool
) -> "tuple[list[Offer], list[str]]":
    """Exported files alone, where torch is not installed."""
    from diptych.serving.service.exported import opened
    from diptych.serving.service.listing import offer_of_file

    offers: list[Offer] = []
    for place, translator in zip(places, opened(places, engine), strict=True):
        offers.append(offer_of_file(place, translator, [offer.name for offer in offers], browser))
    told = [f"{offer.name}: {place}. Engine: onnx, without torch." for offer, place in zip(offers, places, strict=True)]
    return offers, told
