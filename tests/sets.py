"""Small folders of pictures of every sort, from which a recipe can be chosen."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Picture = npt.NDArray[np.uint8]


def photo(rng: np.random.Generator, height: int = 48, width: int = 48) -> Picture:
    """Smooth colours with a little noise: no column stands out."""
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    return (smooth + rng.integers(-12, 13, smooth.shape)).clip(0, 255).astype(np.uint8)


def class_map(rng: np.random.Generator, classes: int = 5, height: int = 48, width: int = 48) -> Picture:
    """(height, width) numbers in patches; all classes occur in the first row of patches or the second."""
    patches = np.resize(rng.permutation(classes), (4, 4)).astype(np.uint8)
    return patches.repeat(height // 4, axis=0).repeat(width // 4, axis=1)


def drawing(rng: np.random.Generator, height: int = 48, width: int = 48) -> Picture:
    """Black lines on white."""
    lines = np.full((height, width, 3), 255, dtype=np.uint8)
    lines[rng.integers(2, height - 2, 3)] = 0
    lines[:, rng.integers(2, width - 2, 3)] = 0
    return lines


def beside(left: Picture, right: Picture) -> Picture:
    return np.concatenate([left, right], axis=1)


def save(folder: Path, pictures: list[Picture], stem: str = "", ending: str = "png") -> Path:
    """Number the pictures into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{stem}{number}.{ending}")
    return folder


def draw_set(folder: Path, sort: str, count: int = 12) -> Path:
    """A folder of that sort, with ``count`` examples; its side-by-side pictures have the drawing or the class map on the right."""
    rng = np.random.default_rng(0)
    photos = [photo(rng) for _ in range(count)]
    match sort:
        case "halves":
            save(folder, [beside(one, drawing(rng)) for one in photos])
        case "photos side by side":
            save(folder, [beside(one, 255 - one) for one in photos])
        case "pairs":
            save(folder / "A", photos)
            save(folder / "B", [drawing(rng) for _ in photos])
        case "unpaired":
            save(folder / "trainA", photos, "n0")
            save(folder / "trainB", [photo(rng) for _ in range(count + 3)], "zebra_")
        case "class maps":
            save(folder / "images", photos)
            save(folder / "masks", [class_map(rng) for _ in photos])
        case "labels":
            save(folder / "labels", [class_map(rng) for _ in photos])
            save(folder / "photos", photos, ending="jpg")
        case "single":
            save(folder, [photo(rng, 48, 96) for _ in photos])
        case "turned":
            save(folder, [photo(rng, *((48, 96) if number % 2 else (96, 48))) for number in range(count)])
        case "mixed":
            save(
                folder,
                [beside(one, 255 - one) if number % 2 else photo(rng, 48, 96) for number, one in enumerate(photos)],
            )
        case "one":
            save(folder, photos[:1])
        case "empty":
            folder.mkdir()
        case "texts":
            folder.mkdir()
            (folder / "notes.txt").write_text("no picture")
            (folder / "paper.pdf").write_text("no picture")
    return folder
