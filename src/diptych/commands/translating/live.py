"""``diptych translate --live``."""

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from diptych.errors import UsageError

if TYPE_CHECKING:
    from diptych.pictures.kinds import Stored
    from diptych.translator.many import Job
    from diptych.translator.many.films import FilmOptions

HOST = "127.0.0.1"


def translate_live(job: "Job", note: str, camera: str, port: int, options: "FilmOptions") -> int:
    """Serve what a camera shows, translated, to this machine until it is stopped.

    Raises:
        UsageError: for what is no camera, or a translator that takes no colours.
        DiptychError: when the camera or the port cannot be had.
    """
    from diptych.machine.runtimes import required_package

    with required_package("fastapi", "diptych translate --live"):
        for package in ("fastapi", "uvicorn"):
            import_module(package)
    from diptych.serving.service.hosts import allowed_hosts
    from diptych.serving.service.limits import Limits
    from diptych.serving.service.live import Live, live_app
    from diptych.serving.service.uvicorn_server import bind_socket, configure_logging, exit_on_sigterm, make_server
    from diptych.translator.many.films import require_colours, result_rgb, smoother_of, translated
    from diptych.video.camera import live_frames
    from diptych.video.frames import Frame

    if not 0 <= port < 65536:
        raise UsageError(f"--port is {port}; it must lie between 0 and 65535.")
    require_colours(job, options)
    print(note, end="\n" if note else "", flush=True)

    def translate(frames: "Iterator[Stored]") -> Iterator[Any]:
        numbered = (Frame(picture, number, 0) for number, picture in enumerate(frames))
        for made in translated(job, numbered, smoother_of(job, options)):
            yield result_rgb(job, made)

    live = Live(live_frames(camera, job.translator.card.source), translate)
    with exit_on_sigterm(), bind_socket(HOST, port) as listening:
        live.start()
        hosts = allowed_hosts(listening.getsockname()[0], HOST, ())
        address = f"http://{HOST}:{listening.getsockname()[1]}"
        print(f"Live on {address} (the stream itself: {address}/live.mjpg); Ctrl-C stops.", flush=True)
        limits = Limits()
        server = make_server(live_app(live, hosts), limits)
        live.stopping = lambda: server.should_exit
        configure_logging()
        try:
            server.run(sockets=[listening])
        finally:
            live.stop()
    return 0
