"""Augmentation of what a discriminator sees, against plain loops over pictures and pixels."""

import torch
from torch import Tensor

from diptych.networks.diff_augment import augmented, cut_out, recoloured, shifted


def pictures(count: int = 1, height: int = 20, width: int = 24) -> Tensor:
    """Values from 0.1 to 1, so that a zero is none of them."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(count)) * 0.9 + 0.1


def shift_of(found: Tensor, picture: Tensor, most: tuple[int, int]) -> list[tuple[int, int]]:
    """The moves of which ``found`` is the result, with zeros where nothing comes from."""
    moves = []
    height, width = picture.shape[1:]
    for down in range(-most[0], most[0] + 1):
        for right in range(-most[1], most[1] + 1):
            moved = torch.zeros_like(picture)
            rows, columns = slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0))
            given = picture[:, max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)]
            moved[:, rows, columns] = given
            if torch.equal(found, moved):
                moves.append((down, right))
    return moves


def test_shifts_are_whole_and_up_to_an_eighth() -> None:
    given = pictures(200)
    torch.manual_seed(0)
    moves = [shift_of(*pair, (4, 5)) for pair in zip(shifted(given), given, strict=True)]
    assert all(len(found) == 1 for found in moves)
    assert {down for ((down, _),) in moves} == set(range(-2, 3))  # an eighth of 20 is 2.5, rounded to even
    assert {right for ((_, right),) in moves} == set(range(-3, 4))


def test_a_square_of_a_fifth_is_missing() -> None:
    given = pictures(300, 20, 25)
    torch.manual_seed(0)
    found = cut_out(given)
    kept = found != 0
    assert torch.equal(found, torch.where(kept, given, 0.0))
    sizes = set()
    for mask in kept:
        assert torch.equal(mask[0], mask[1])
        assert torch.equal(mask[0], mask[2])
        missing = (~mask[0]).nonzero()
        top, left = missing.amin(0)
        bottom, right = missing.amax(0) + 1
        assert len(missing) == (bottom - top) * (right - left)  # a whole rectangle
        sizes.add((int(bottom - top), int(right - left)))
    assert max(sizes) == (4, 5)
    assert min(height for height, _ in sizes) == 2  # half of it may lie outside
    assert min(width for _, width in sizes) == 3


def test_colours_by_their_definitions() -> None:
    given = pictures(4)
    torch.manual_seed(3)
    draws = torch.rand(3, 4, 1, 1, 1).flatten(1).T.tolist()
    torch.manual_seed(3)
    for found, picture, (brightness, saturation, contrast) in zip(recoloured(given), given, draws, strict=True):
        expected = picture.double() + brightness - 0.5
        grey = sum(expected[channel] for channel in range(3)) / 3
        expected = torch.stack([grey + 2 * saturation * (expected[channel] - grey) for channel in range(3)])
        level = expected.sum() / expected.numel()
        torch.testing.assert_close(found, (level + (0.5 + contrast) * (expected - level)).float())


def test_draws_are_the_seed_s_and_gradients_pass() -> None:
    given = pictures(2).bfloat16().requires_grad_()
    torch.manual_seed(1)
    first = augmented(given)
    torch.manual_seed(1)
    assert torch.equal(first, augmented(given))
    assert not torch.equal(first, augmented(given))
    assert first.dtype == torch.float32
    first.sum().backward()
    assert given.grad is not None
    assert given.grad.abs().sum() > 0
