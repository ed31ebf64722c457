"""The shift between partners, on pictures that were shifted by a known amount."""

from pathlib import Path

import numpy as np
import pytest
from checking import beside, found, save
from numpy.typing import NDArray
from scipy import ndimage

from diptych.data.checks.alignment import shift_between, told
from diptych.data.checks.check import look_over
from diptych.data.openmoji.rendering import outline_of, render, source
from diptych.pictures import formats
from diptych.pictures.kinds import Kind
from diptych.recipe import read

SHIFTS = [(0.0, 0.0), (3.0, -5.0), (-2.5, 0.0), (6.3, 7.0)]


def scene(seed: int = 0, side: int = 96) -> NDArray[np.float32]:
    """Overlapping rectangles and discs of different greys, (side, side) in [0, 1]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    picture = np.full((side, side), 0.5, dtype=np.float32)
    for _ in range(25):
        top, left, size = rng.uniform(0, side), rng.uniform(0, side), rng.uniform(5, 25)
        disc = np.hypot(rows - top, columns - left) < size / 2
        box = (abs(rows - top) < size / 2) & (abs(columns - left) < size / 3)
        picture[disc if rng.random() < 0.5 else box] = rng.random()
    found: NDArray[np.float32] = ndimage.gaussian_filter(picture, 0.7)
    return found


def as_bytes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)[..., None]
    return found


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("contrast", ["same", "inverted", "folded"])
def test_a_known_shift_is_found_whatever_the_contrast(shift: tuple[float, float], contrast: str) -> None:
    """Moved by a cubic spline, scipy's; folded: middle greys bright, black and white dark."""
    picture = scene()
    other = {"same": picture, "inverted": 1 - picture, "folded": 1 - abs(2 * picture - 1)}[contrast]
    moved = ndimage.shift(other, [-by for by in shift], order=3, mode="nearest")
    measured = shift_between(as_bytes(picture), as_bytes(moved))
    assert measured is not None
    assert np.hypot(*np.subtract(measured, shift)) < 0.5


def test_outlines_and_drawings_of_openmoji() -> None:
    """Black lines on white and coloured drawings, moved by whole pixels."""
    folder, _ = source()
    for name in ("1F981", "1F42F", "1F680", "1F3E0"):
        svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
        drawing, outline = render(svg, 128), render(outline_of(svg), 128)
        moved = np.roll(drawing, (-4, 3), axis=(0, 1))
        measured = shift_between(outline, moved)
        assert measured is not None
        assert np.hypot(*np.subtract(measured, (4, -3))) < 0.5


@pytest.mark.parametrize("shift", [(0, 0), (5, -6)])
def test_labels_and_photos_of_facades(shift: tuple[int, int], shared_data: Path) -> None:
    """Labels are drawn by hand, so each pair has a shift of its own; a further one is found within half a pixel."""
    paths = sorted((shared_data / "facades" / "val").glob("*.jpg"))[:8]
    if not paths:
        pytest.skip("the set facades is not here")
    rows, columns = shift
    own, further = [], []
    for path in paths:
        whole = formats.read(path, Kind())
        photo, label = whole[:, : whole.shape[1] // 2], whole[:, whole.shape[1] // 2 :]
        own.append(shift_between(label[8:-8, 8:-8], photo[8:-8, 8:-8]))
        moved = photo[8 + rows : photo.shape[0] - 8 + rows, 8 + columns : photo.shape[1] - 8 + columns]
        further.append(shift_between(label[8:-8, 8:-8], moved))
    assert None not in own + further
    apart = np.array(further, dtype=float) - np.array(own, dtype=float)
    assert np.hypot(*(apart - shift).T).max() < 0.5
    assert np.hypot(*np.array(own, dtype=float).T).mean() < 1.5


def test_a_set_says_how_far_its_partners_are_shifted(tmp_path: Path) -> None:
    """Half of the pairs by 5 pixels and half by 10, in a folder as training reads it."""
    for number in range(8):
        picture = scene(number, 112)
        by = 5 if number % 2 else 10
        moved = 1 - np.roll(picture, by, axis=1)
        both = [np.repeat(as_bytes(part[8:-8, 8:-8]), 3, axis=2) for part in (picture, moved)]
        save(tmp_path / "train" / f"{number}.png", beside(*both))
    report = look_over(read("pix2pix", [f"data.folder={tmp_path}"]).data)
    assert [name for name, _, _ in found(report)] == ["partners shifted"]
    assert "shifted by 7.5 px on average, up to 10.0 (8 pairs" in report.findings[0].message


def test_few_pairs_and_unlike_pairs_are_told_as_such() -> None:
    assert told([(9.0, 9.0)] * 3) == ([], [])
    lines, findings = told([None, None, None, (9.0, 9.0)])
    assert lines == ["Whether partners fit cannot be told: the edges of 3 of 4 differ."]
    assert findings == []
    lines, _ = told([(0.3, 0.4), (0.0, 1.5), (0.0, 0.0), (0.0, 0.0)])
    assert lines == ["Partners fit: they are shifted by 0.5 px on average, up to 1.5 (4 pairs, by their edges)."]
    noise = [ndimage.gaussian_filter(np.random.default_rng(seed).random((96, 96)), 2) * 4 - 1.5 for seed in (1, 2)]
    one, other = (as_bytes(picture.astype(np.float32)) for picture in noise)
    assert shift_between(one, other) is None
    flat = np.zeros((96, 96, 1), dtype=np.uint8)
    assert shift_between(flat, as_bytes(scene(2))) is None


def test_smooth_pairs_that_fit_are_not_told_to_be_shifted() -> None:
    """Rasters without an edge, made of each other pixel by pixel: whatever is found must be no shift."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        first, second = (ndimage.gaussian_filter(rng.normal(size=(96, 96)), 6) * 6 + 0.5 for _ in range(2))
        source = np.concatenate([as_bytes(one.astype(np.float32)) for one in (first, second)], axis=2)
        mixed = (first / 2 + 0.2, second / 2 + 0.2, 1 - first)
        target = np.concatenate([as_bytes(one.astype(np.float32)) for one in mixed], axis=2)
        found = shift_between(source, target)
        assert found is None or np.hypot(*found) < 2.5


def test_gaps_of_both_partners_do_not_count_as_edges() -> None:
    """The same black square in both would say that they fit."""
    picture, gap = scene(3), np.zeros((96, 96), dtype=bool)
    gap[30:70, 30:70] = True
    moved = np.roll(picture, 6, axis=1)
    picture[gap] = moved[gap] = 0
    measured = shift_between(as_bytes(picture), as_bytes(moved), gap)
    assert measured is not None
    assert np.hypot(*np.subtract(measured, (0, -6))) < 0.5
