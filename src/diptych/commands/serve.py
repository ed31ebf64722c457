"""``diptych serve``."""

import math
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from diptych.commands.parameters import Checkpoint, Device, RunPlace
from diptych.errors import UsageError
from diptych.shipped import FIRST, find

if TYPE_CHECKING:
    from diptych.serving.service.listing import Offer

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    *runs: RunPlace,
    host: str = "127.0.0.1",
    port: int = 8000,
    checkpoint: Checkpoint = "latest",
    engine: str = "auto",
    device: Device = "auto",
    batch: int = 8,
    queue: int = 32,
    max_megabytes: float = 20.0,
    max_pixels: int = 16_000_000,
    token: Annotated[str, Parameter(env_var="DIPTYCH_TOKEN")] = "",
    cors: tuple[str, ...] = (),
    allow_host: tuple[str, ...] = (),
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
        Run folders, model folders or ONNX files; by default openmoji, the translator that comes with diptych.
    host
        127.0.0.1 serves this machine alone; 0.0.0.0 every machine that can reach it.
    port
        Of the address; 0 takes a free one.
    engine
        auto takes the fastest exact one that is installed: openvino, onnx or torch. openvino-bfloat16 is faster and rounds.
    batch
        Pictures of equal size that are translated at once.
    queue
        Pictures that may wait; beyond that, clients get 503 with Retry-After.
    max_megabytes
        Of a request.
    max_pixels
        Of a picture.
    token
        Clients must send it; better given in the environment as DIPTYCH_TOKEN.
    cors
        Origins of other web pages that may send requests, such as https://example.org.
    allow_host
        A further name by which clients may ask, such as example.org where a proxy passes that on. By default a service for this
        machine alone answers to localhost, 127.0.0.1 and [::1], and any other to every name.
    keep_alive
        Seconds for which an idle connection stays open: longer than the idle timeout of a load balancer in front, often 60.
    threads
        Of torch and the engines; 0 = one for each core, or as OMP_NUM_THREADS says.
    memory
        Gigabytes that translating one picture may take; larger ones are cut into tiles. 0 = half of what is free.
    browser
        Let the page translate in the browser too. --no-browser keeps the networks here.
    """
    from diptych.machine.runtimes import required_package

    if min(batch, queue, max_pixels) < 1 or max_megabytes <= 0 or not 0 <= port < 65536:
        raise UsageError("--batch, --queue, --max-pixels and --max-megabytes must be positive, and --port below 65536.")
    if not 0 < keep_alive <= 3600 or threads < 0 or memory < 0:
        raise UsageError(
            "--keep-alive must lie between 0 and 3600 seconds, and --threads and --memory must not be negative."
        )
    with required_package("fastapi", "diptych serve"):  # before anything is loaded
        for package in ("fastapi", "uvicorn"):
            import_module(package)
    from diptych.serving.service.app import Service, create_app
    from diptych.serving.service.hosts import allowed_hosts
    from diptych.serving.service.limits import Limits
    from diptych.serving.service.uvicorn_server import bind_socket, exit_on_sigterm
    from diptych.serving.service.uvicorn_server import run as run_server

    with_torch = find_spec("torch") is not None
    places = runs or (find(FIRST),)
    limits = Limits(
        bytes=int(max_megabytes * 2**20),
        pixels=max_pixels,
        batch=batch,
        queue=queue,
        keep_alive_seconds=keep_alive,
        memory=memory * 2**30 or math.inf,
    )
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # which the runtimes read where torch is missing
    if threads and with_torch:
        import torch

        torch.set_num_threads(threads)
    with exit_on_sigterm(), bind_socket(host, port) as listening:
        hosts = allowed_hosts(listening.getsockname()[0], host, allow_host)
        print("Preparing (the first time a network is exported, which takes some seconds) ...", flush=True)
        if with_torch:
            from diptych.exporting.offers import offers_of
            from diptych.translator.engines import device_for

            offers, notes = offers_of(places, checkpoint, device_for(engine, device), engine, browser)
        else:
            offers, notes = offers_of_files(places, engine, browser)
        print("\n".join(notes))
        address = f"[{host}]" if ":" in host else host
        print(f"Serving on http://{address}:{listening.getsockname()[1]} (Ctrl-C stops).", flush=True)
        if host not in LOOPBACK and not token:
            print(
                "Whoever reaches this address may translate; a token keeps strangers out (DIPTYCH_TOKEN=...).",
                flush=True,
            )
        run_server(create_app(Service(offers, limits, token, cors, browser, hosts)), listening, limits)
    return 0


def offers_of_files(paths: tuple[Path, ...], engine: str, browser: bool) -> "tuple[list[Offer], list[str]]":
    """Exported files alone, where torch is not installed."""
    from diptych.serving.service.listing import offer_of_file
    from diptych.serving.service.onnx_translator import load_onnx_files

    offers: list[Offer] = []
    for path, translator in zip(paths, load_onnx_files(paths, engine), strict=True):
        offers.append(offer_of_file(path, translator, [offer.name for offer in offers], browser))
    notes = [f"{offer.name}: {path}. Engine: onnx, without torch." for offer, path in zip(offers, paths, strict=True)]
    return offers, notes
