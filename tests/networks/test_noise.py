"""Counter-based noise: a function of seed and position, close to fair coins, equal in tiles and whole pictures."""

import pytest
import torch

from diptych.machine import runtimes
from diptych.networks import noise


def coins(seed: int, channels: int = 32, side: int = 16) -> torch.Tensor:
    with noise.seeded(seed):
        return noise.dropout_mask(torch.zeros(1, channels, side, side), 0.5)[0]


def test_the_same_seed_gives_the_same_and_every_draw_another() -> None:
    torch.testing.assert_close(coins(3), coins(3), rtol=0, atol=0)
    maps = torch.zeros(1, 8, 8, 8)
    with noise.seeded(3):
        first, second = noise.dropout_mask(maps, 0.5), noise.dropout_mask(maps, 0.5)
    assert 0.3 < (first != second).float().mean() < 0.7


@pytest.mark.parametrize(("one", "other"), [(0, 1), (3, 2**40 + 3), (7, 2**31 + 7), (1, 2**15 + 1), (0, 2**62)])
def test_seeds_far_and_near_are_unrelated(one: int, other: int) -> None:
    agreement = (coins(one) == coins(other)).float().mean().item()
    assert abs(agreement - 0.5) < 0.03  # five standard deviations of 8,192 coins


def test_rows_columns_channels_and_seeds_do_not_follow_each_other() -> None:
    signs = torch.stack([coins(seed) for seed in range(24)]) * 2 - 1  # (seeds, channels, rows, columns)
    assert abs(signs.mean()) < 0.01
    for axis in range(4):
        flat = signs.movedim(axis, 0).flatten(1)
        likeness = flat @ flat.T / flat.shape[1]
        likeness.fill_diagonal_(0)
        assert likeness.abs().max() < 6 / flat.shape[1] ** 0.5, axis


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.8])
def test_the_share_that_is_kept(probability: float) -> None:
    with noise.seeded(11):
        kept = noise.dropout_mask(torch.zeros(1, 64, 32, 32), probability)
    assert abs(kept.mean().item() - probability) < 0.01


def test_a_tile_has_the_noise_of_its_place() -> None:
    with noise.seeded(7):
        whole = noise.dropout_mask(torch.zeros(1, 8, 64, 64), 0.5)
    with noise.seeded(7, origin=(256, 128), shape=(256, 128)):  # of the source, eight times as large as the map
        tile = noise.dropout_mask(torch.zeros(1, 8, 32, 16), 0.5)
    torch.testing.assert_close(tile, whole[..., 32:64, 16:32], rtol=0, atol=0)


def test_normal_numbers_are_normal() -> None:
    with noise.seeded(5):
        drawn = noise.normal(50_000, torch.device("cpu"))
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02
    assert abs((drawn**4).mean() - 3) < 0.15
    with noise.seeded(5):
        shares = noise.uniform(50_000, torch.device("cpu"))
    assert shares.min() >= 0
    assert shares.max() < 1


def test_without_a_seed_torch_s_generator_decides() -> None:
    maps = torch.zeros(1, 8, 8, 8)
    torch.manual_seed(1)
    first = noise.dropout_mask(maps, 0.5)
    torch.manual_seed(1)
    torch.testing.assert_close(noise.dropout_mask(maps, 0.5), first, rtol=0, atol=0)
    assert (noise.dropout_mask(maps, 0.5) != first).any()


def test_every_step_stays_below_31_bits() -> None:
    """What ONNX runtimes compute in int32 must not wrap."""
    top = torch.tensor(runtimes.MASK, dtype=torch.int64)
    for one in (0, 0x5A35, runtimes.MASK):
        for other in (0, 0x3C6F, runtimes.MASK):
            a, b = torch.tensor(one), torch.tensor(other)
            assert (a ^ 0x5A35) * (b ^ 0x3C6F) < 2**31
            assert 0 <= noise.hash_pair(a, b) <= top


def test_a_map_of_normal_numbers_is_normal_and_a_tile_has_those_of_its_place() -> None:
    cpu = torch.device("cpu")
    with noise.seeded(5):
        drawn = noise.normal_map((8, 96, 80), cpu)
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02
    assert abs((drawn**4).mean() - 3) < 0.15
    for axis in range(3):
        likeness = (drawn * drawn.roll(1, axis)).mean()
        assert abs(likeness) < 0.02, axis
    with noise.seeded(5, origin=(32, 16), shape=(64, 32)):
        tile = noise.normal_map((8, 64, 32), cpu)
    torch.testing.assert_close(tile, drawn[:, 32:, 16:48], rtol=0, atol=0)
