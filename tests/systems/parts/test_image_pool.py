"""The pool of past fakes."""

import torch

from diptych.systems.parts.image_pool import ImagePool


def test_the_pool_returns_its_first_fifty_and_then_half_old() -> None:
    torch.manual_seed(0)
    pool = ImagePool(50, 1, 2, 2)
    for number in range(50):
        picture = torch.full((1, 1, 2, 2), float(number))
        assert torch.equal(pool(picture), picture)
    assert int(pool.held) == 50
    returned = [float(pool(torch.full((1, 1, 2, 2), float(number)))[0, 0, 0, 0]) for number in range(50, 1050)]
    fresh = sum(value == number for number, value in enumerate(returned, start=50))
    assert 430 < fresh < 570
    # What was returned and what is held are all that ever came, each once.
    held = sorted(pool.images[:, 0, 0, 0].tolist())
    assert sorted(returned + held) == [float(number) for number in range(1050)]


def test_a_pool_of_none_lets_everything_pass() -> None:
    picture = torch.randn(3, 1, 2, 2)
    assert torch.equal(ImagePool(0, 1, 2, 2)(picture), picture)


def test_a_pool_takes_a_batch_picture_by_picture() -> None:
    torch.manual_seed(3)
    pool = ImagePool(2, 1, 1, 1)
    batch = torch.arange(3.0).view(3, 1, 1, 1).requires_grad_()
    returned = pool(batch)
    assert not returned.requires_grad
    assert returned.flatten()[:2].tolist() == [0, 1]
    assert sorted([*pool.images.flatten().tolist(), float(returned[2])]) == [0, 1, 2]
    assert pool.held.dtype == torch.int64
    assert int(pool.held) == 2
    assert pool(batch.bfloat16()).dtype == torch.float32
