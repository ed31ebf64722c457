"""The files of the page, and the browser's own runtime."""

import gzip
import shutil
import sys
from importlib import resources
from pathlib import Path

from diptych.errors import DiptychError

PACKAGE = "onnxruntime-web@1.30.0"
"""Of npm, MIT licence; `make page` and hatch_build.py take this one."""
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""WASM with SIMD, and with threads where the page is isolated."""
WEBGPU = ("ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm")
PAGE_SUFFIXES = (".html", ".css", ".js", ".svg", ".webmanifest")
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
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; media-src blob:; "
    "worker-src 'self' blob:; style-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",  # with the next line: threads for WASM
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def page_folder() -> Path:
    """The folder of the page."""
    return Path(str(resources.files("diptych.serving") / "page"))


def page_files() -> list[Path]:
    """The files of the page, without the runtime."""
    found = page_folder().rglob("*")
    return sorted(file for file in found if file.suffix in PAGE_SUFFIXES and file.parent.name != "vendor")


def page_address(file: Path) -> str:
    """Of one of ``page_files``, from the page."""
    return file.relative_to(page_folder()).as_posix()


def runtime_files(folder: Path | None = None) -> list[Path]:
    """The files of onnxruntime-web in ``folder``, or those that came with diptych.

    Raises:
        DiptychError: when they are missing.
    """
    place = folder or page_folder() / "vendor"
    missing = [name for name in RUNTIME if not (place / name).is_file()]
    if missing:
        raise DiptychError(
            f"the browser's runtime is not in {place} ({missing[0]} is missing): in a clone run `make page`; else unpack "
            f"the npm package {PACKAGE} and give its folder dist with --runtime."
        )
    return [place / name for name in (*RUNTIME, *WEBGPU) if (place / name).is_file()]


def sent_name(file: Path) -> str:
    """Under which one of ``runtime_files`` is sent: modules are packed, a quarter of their size."""
    return f"{file.name}.gz" if file.suffix == ".wasm" else file.name


def sent_bytes(file: Path) -> bytes:
    data = file.read_bytes()
    return gzip.compress(data, 9, mtime=0) if file.suffix == ".wasm" else data


def has_runtime() -> bool:
    return all((page_folder() / "vendor" / name).is_file() for name in RUNTIME)


def install_runtime(folder: Path) -> None:
    """Copy the runtime from the unpacked npm package's ``dist``, so that it is part of diptych."""
    (page_folder() / "vendor").mkdir(exist_ok=True)
    for file in runtime_files(folder):
        shutil.copyfile(file, page_folder() / "vendor" / file.name)


if __name__ == "__main__":  # `make page`
    install_runtime(Path(sys.argv[1]))
