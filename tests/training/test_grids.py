"""The sample grids of validation, against the networks asked directly."""

from pathlib import Path

import numpy as np
import pytest
from toys import draw_pairs
from validating import as_tile, asked, made

from diptych.training.validation import below, beside


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pairs(tmp_path_factory.mktemp("drawn") / "pairs")


def test_a_grid_has_a_row_a_picture(pairs: Path) -> None:
    for system, overrides, ways in (("pix2pix", (), 3), ("cyclegan", ("data.task=unpaired",), 4)):
        validation, state = made(pairs, system, *overrides)
        grid = validation.grid(state, 2)
        assert state.system.training
        assert grid.shape == (32, 16 * ways, 3)
        path = "generator" if ways == 3 else "generator.a_to_b"
        for row, seen in enumerate(validation.pictures(2)):
            tiles = [seen.source, asked(state, path, seen.source), seen.target]
            tiles += [asked(state, "generator.b_to_a", seen.target)] if ways == 4 else []
            for place, tile in enumerate(tiles):
                found = grid[16 * row : 16 * row + 16, 16 * place : 16 * place + 16]
                assert np.abs(found.astype(int) - as_tile(tile)).max() <= 1


def test_tiles_of_several_sizes_are_filled_up_with_white() -> None:
    low, high = np.zeros((2, 3, 3), np.uint8), np.full((4, 1, 3), 7, np.uint8)
    row = beside([low, high])
    assert row.shape == (4, 4, 3)
    assert row[:2, :3].max() == 0
    assert row[2:, :3].min() == 255
    assert (row[:, 3:] == 7).all()
    column = below([low, high])
    assert column.shape == (6, 3, 3)
    assert column[:2].max() == 0
    assert (column[2:, :1] == 7).all()
    assert column[2:, 1:].min() == 255


def test_small_sources_stand_beside_large_targets(pairs: Path) -> None:
    """Of super-resolution, each pixel a square."""
    validation, state = made(pairs, "srgan")
    grid = validation.grid(state, 1)
    seen = next(validation.pictures(1))
    assert (seen.source.shape, seen.target.shape) == ((1, 3, 10, 20), (1, 3, 20, 40))
    assert grid.shape == (20, 3 * 40, 3)
    assert np.array_equal(grid[:, :40], as_tile(seen.source).repeat(2, 0).repeat(2, 1))
