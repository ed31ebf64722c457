"""The files of the page, and the browser's own runtime."""

import shutil
import sys
from importlib import resources
from pathlib import Path

from diptych.errors import DiptychError

PACKAGE = "onnxruntime-web@1.30.0"
"""Of npm, MIT licence; `make page` and hatch_build.py take this one."""
RUNTIME = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
"""WASM with SIMD, and with threads where the page is isolated."""
WEBGPU = ("ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm")
SOURCES = (".html", ".css", ".js", ".svg", ".webmanifest")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".png": "image/png",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "worker-src 'self' blob:; style-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",  # with the next line: threads for WASM
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def page() -> Path:
    """The folder of the page."""
    return Path(str(resources.files("diptych.serving") / "page"))


def sources() -> list[Path]:
    """Its files, without the runtime."""
    return sorted(file for file in page().iterdir() if file.suffix in SOURCES)


def runtime(folder: Path | None = None) -> list[Path]:
    """The files of onnxruntime-web, from ``folder`` or as they came with diptych.

    Raises:
        DiptychError: when they are not there.
    """
    place = folder or page() / "vendor"
    missing = [name for name in RUNTIME if not (place / name).is_file()]
    if missing:
        raise DiptychError(
            f"the browser's runtime is not in {place} ({missing[0]} is missing): in a clone run `make page`; else unpack "
            f"the npm package {PACKAGE} and give its folder dist with --runtime."
        )
    return [place / name for name in (*RUNTIME, *WEBGPU) if (place / name).is_file()]


def has_runtime() -> bool:
    return all((page() / "vendor" / name).is_file() for name in RUNTIME)


def carry(folder: Path) -> None:
    """Take the runtime from the unpacked npm package's ``dist``, so that it comes with diptych."""
    (page() / "vendor").mkdir(exist_ok=True)
    for file in runtime(folder):
        shutil.copyfile(file, page() / "vendor" / file.name)


if __name__ == "__main__":  # `make page`
    carry(Path(sys.argv[1]))
